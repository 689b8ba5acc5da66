"""How people and programs reach Spectrove. No science here: read arguments, call one function, print."""
