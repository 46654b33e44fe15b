"""The settings of every net, apart from the nets: these bring torch, which takes seconds and half a GB."""
