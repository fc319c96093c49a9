"""Who somebody is: visitors by sessions we signed, servers by API keys, people by tokens of their own issuer.

`bearer` looks at what a request shows and says who the `callers` are: `sessions` are read by our own secret, keys and
tokens by what the `register` knows of the organisation. `issuers` checks tokens, by the `key_sets` that `fetching` gets
from where the organisation said that they are, or the issuer itself (`discovery`).
"""
