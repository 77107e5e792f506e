"""YAML in, a schedule out: which data, in what ratio, at which learning rate, from which token on."""
