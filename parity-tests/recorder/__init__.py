"""Records what the oracle (LiteLLM) sends and answers: the worker, the fixture recorder, the environments."""
