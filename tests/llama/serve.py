"""Serves a GGUF model with llama.cpp's own HTTP server, on a free port of the loopback.

usage: serve.py MODEL.gguf    prints the address, and ends with its standard input
"""

import sys

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.warmup = 2048, 2, False
params.port = 0
# The member has had both names; nobody but us is to reach it.
if hasattr(params, "hostnames"):
    params.hostnames = ["127.0.0.1"]
else:
    params.hostname = "127.0.0.1"
# Of a prompt that it has seen before it counts more tokens, or fewer, than it reports.
params.cache_prompt = False
params.endpoint_metrics = params.use_jinja = True
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
