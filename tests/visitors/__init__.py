"""Visitors of an application while it is deployed: requests, websockets and slow uploads."""
