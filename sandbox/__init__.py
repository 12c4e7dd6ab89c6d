"""A local Chatfuel: a GraphQL server over a simulated bot, for the demo and the tests.

The loader never imports this package; the two meet over HTTP only. ``python -m sandbox --help`` starts it,
``sandbox.server.running`` starts it inside a test. ``sandbox.faults`` says how to have it fail.
"""
