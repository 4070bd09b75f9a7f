//! Metrics, for tests that read them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

/// Keeps what is counted, by name and labels.
#[derive(Default)]
pub(crate) struct Kept {
    counters: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    gauges: Mutex<BTreeMap<String, Arc<AtomicU64>>>,
    samples: Mutex<BTreeMap<String, Arc<Samples>>>,
}

/// How many there were.
#[derive(Default)]
struct Samples(AtomicU64);

impl HistogramFn for Samples {
    fn record(&self, _: f64) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Kept {
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let counters = self.counters.lock().unwrap();
        counters.get(name).map_or(0, |count| count.load(Ordering::SeqCst))
    }

    pub(crate) fn gauge(&self, name: &str) -> Option<f64> {
        let gauges = self.gauges.lock().unwrap();
        gauges.get(name).map(|bits| f64::from_bits(bits.load(Ordering::SeqCst)))
    }

    /// All counters whose names begin so.
    pub(crate) fn counters_with(&self, prefix: &str) -> Vec<(String, u64)> {
        let counters = self.counters.lock().unwrap();
        let counters = counters.iter().filter(|(name, _)| name.starts_with(prefix));
        counters.map(|(name, count)| (name.clone(), count.load(Ordering::SeqCst))).collect()
    }

    /// How many samples a histogram has.
    pub(crate) fn samples(&self, name: &str) -> u64 {
        let samples = self.samples.lock().unwrap();
        samples.get(name).map_or(0, |samples| samples.0.load(Ordering::SeqCst))
    }

    fn named(key: &Key) -> String {
        let labels = key.labels().map(|label| format!(",{}={}", label.key(), label.value()));
        std::iter::once(key.name().to_owned()).chain(labels).collect()
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let mut counters = self.counters.lock().unwrap();
        Counter::from_arc(Arc::clone(counters.entry(Self::named(key)).or_default()))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let mut gauges = self.gauges.lock().unwrap();
        Gauge::from_arc(Arc::clone(gauges.entry(Self::named(key)).or_default()))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let mut samples = self.samples.lock().unwrap();
        Histogram::from_arc(Arc::clone(samples.entry(Self::named(key)).or_default()))
    }
}
