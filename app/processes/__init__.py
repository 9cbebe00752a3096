"""The composition roots: the only modules that know both the agents and the adapters."""
