"""Functions that every context has: declared here once, derived for each context (`auth.dead_letters`, `billing.dead_letters` …).

Each reads and writes its own context's database; `{context}` in a route becomes the context's name. Only an admin may call them.
"""
