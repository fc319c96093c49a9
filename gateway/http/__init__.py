"""HTTP: routes that carry typed requests to `gateway.operations` and their answers back. Nothing happens here that a
socket could not ask for as well."""
