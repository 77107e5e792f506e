"""Compiles YAML into a schedule: which data, in what ratio, at which learning rate, from which token on."""
