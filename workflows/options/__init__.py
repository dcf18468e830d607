"""The command line as data: options of a run, flags, value types, configuration files."""
