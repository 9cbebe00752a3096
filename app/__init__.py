"""How the processes are put together: settings, adapters, composition roots, local stack, command line."""
