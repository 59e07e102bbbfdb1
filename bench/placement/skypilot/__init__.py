"""SkyPilot's optimizer as a peer: its own code places the tasks, given our costs.

`question` says a problem in its terms, `bench.environments` makes the virtual environment that it runs in (its
dependencies don't go with ours), `inside` runs there, `asking` starts that and reads the answer.

What runs is `sky.optimizer.Optimizer.optimize`, unchanged: it adds its source and sink, estimates each task's
candidates, and solves by dynamic programming where the graph is a chain, else as an integer program with CBC. Three
functions that it calls are taken the place of: which clouds are enabled (no account is needed), which candidates a task
has (in place of catalogues) and what an edge costs between two candidates. So:

- **Governance**, hardware and pins: only permitted sites are offered as a task's candidates. It knows no other way.
- **A candidate's cost** is our unary cost, and what it costs to bring each input that no task writes to that site.
  An input that several tasks read is brought for each of them.
- **Edges** are all pairs of a task and one that comes after it. An edge carries the bytes of all files between the two,
  at our price from site to site, once for each edge: a file that three tasks at one site read is paid three times.
  That is how SkyPilot counts, and why its placements are dearer where files are shared; what they cost is then counted
  as for everybody. (By itself it would know one price per source cloud, and charge all that a task writes on each of
  its edges: it is better informed here than in use.)
- **Quotas, groups and budgets** are unknown to it.

Its seconds are those of `optimize` alone: importing the package and building the tasks, some three seconds, are left
out.
"""
