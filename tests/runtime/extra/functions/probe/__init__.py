"""A bounded context made for the tests of the runtime: accounts and deposits, with every way to end that a use case has."""
