"""The door of HTTP: addresses and headers around `serve.service`, and nothing that is not about HTTP.

app        everything put together
guard      who may ask: host, origin, token, size; ids and log lines of requests
problems   problems as application/problem+json
uploads    a request's body as a question
verbs      an address for every task
bases      addresses of bases, objects and spectra
jobs       questions that go on after the request
ssap       the Simple Spectral Access Protocol of the IVOA
metrics    numbers for Prometheus
schema     the OpenAPI document
start      listening on a port
"""
