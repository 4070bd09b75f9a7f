"""Sends a queue of requests, one after the other, and comes again when it is told to.

Nothing about it knows the server: `Retry` waits as `Retry-After` says, by its own defaults. Prints
one line of JSON: for each request the statuses that came before its answer, and the answer's; and
the seconds that all took.
"""

import json
import os
import time

import urllib3

http = urllib3.PoolManager(retries=urllib3.Retry(total=5), maxsize=1, block=True)
headers = {"authorization": "Bearer " + os.environ["KEY"]}

began = time.monotonic()
requests = []
for _ in range(int(os.environ["REQUESTS"])):
    answer = http.request("GET", os.environ["URL"], headers=headers)
    before = [attempt.status for attempt in answer.retries.history]
    requests.append({"before": before, "status": answer.status})
print(json.dumps({"requests": requests, "seconds": time.monotonic() - began}))
