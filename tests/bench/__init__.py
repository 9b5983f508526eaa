"""What Capsule costs and how fast it is, beside its peers: `./taskw bench` (`--quick` for a short run).

The same load goes against each system in turn, round after round, so that what else this machine does disturbs all alike; medians are shown.
Rates and latencies are wrk's, CPU is what the kernel counted for all processes of a system together with RabbitMQ and PostgreSQL (which all of
them share, one at a time), memory is the proportional set size. Confirms, outbox, inbox, deadlines and both verifications of the token are on in
every figure of ours; the peers have none of the first three.

    systems   Capsule (both ways that messages reach a function), the Nest and the FastStream peer: started, seeded, asked who their processes are
    load      wrk and its script; a publisher of events at a fixed rate
    usage     CPU and memory from /proc
    rows      what is measured, one function a row
    report    the table and the chart
"""
