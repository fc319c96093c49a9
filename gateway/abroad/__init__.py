"""Abroad: servers that others have named, and that we are to ask or to tell something.

`names` are looked up in threads of their own, `addresses` says which of them may be gone to, and the `network` goes to
those alone. Webhooks and issuers of tokens are reached by it.
"""
