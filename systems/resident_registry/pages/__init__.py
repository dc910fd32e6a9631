"""The counter for people: the same service calls as the routes, as pages. Each module has one `router`; templates lie beside."""
