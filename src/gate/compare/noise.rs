//! How far runs of the same load lie apart that nothing but time separates, where a comparison is not told.

/// Standard deviations of logarithms from run to run.
pub(crate) struct RunNoise {
    pub(crate) throughput: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

/// Degrees of freedom of these: runs of each load less one.
pub(super) const DF: f64 = 11.0;

/// Closed loops on a machine that others use too, as fitted to the runs in `tests/data/noise/`; a test holds them against that data.
const CLOSED: RunNoise = RunNoise {
    throughput: 0.17,
    p50: 0.15,
    p95: 0.2,
    p99: 0.48,
};

/// Open loops: the schedule makes the throughput, and who else uses the machine the latency.
const OPEN: RunNoise = RunNoise {
    throughput: 0.001,
    p50: 0.23,
    p95: 1.27,
    p99: 1.4,
};

/// Of a load of this kind.
pub(crate) fn usual(open_loop: bool) -> &'static RunNoise {
    if open_loop { &OPEN } else { &CLOSED }
}
