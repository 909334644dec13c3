"""The model that comes with the package, beside classical denoisers, on photographs and on crops."""
