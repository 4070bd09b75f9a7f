//! What the rounds say, and what of it was promised.

use crate::rivals::{JWT, REFUSED as REFUSED_THERE, WITH_TOWER_GOVERNOR};
use crate::rounds::{Series, median};
use crate::stacks::{
    AUTH, BARE, BARE_MANY, ENVELOPE, OUTSIDE, PAIR, PAIR_MANY, REFUSED as REFUSED_HERE,
};

/// A figure, what it must be and what it is meant to be.
pub struct Target {
    pub what: String,
    pub is: f64,
    pub must: Bound,
    pub aim: Option<Bound>,
}

#[derive(Debug, Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::AtMost(most) => format!("≤ {most}"),
            Self::AtLeast(least) => format!("≥ {least}"),
        };
        f.pad(&text)
    }
}

pub fn print(all: &[Series]) {
    let bare = find(all, BARE);
    println!("\nper request, medians of {} rounds; bare: 1,000 keys", bare.nanos.len());
    println!("{:<30} {:>8} {:>9} {:>8} {:>12}", "", "ns", "added ns", "× bare", "added allocs");
    for series in all {
        let bare = if series.name == PAIR_MANY { find(all, BARE_MANY) } else { bare };
        println!(
            "{:<30} {:>8.0} {:>9.0} {:>8.2} {:>12.2}",
            series.name,
            median(series.nanos.iter().copied()),
            each_round(&[series, bare], |round| round[0] - round[1]),
            each_round(&[series, bare], |round| round[0] / round[1]),
            series.allocations - bare.allocations,
        );
    }
    println!("bare allocates {:.1} times", bare.allocations);
}

pub fn targets(all: &[Series]) -> Vec<Target> {
    let series = |name| find(all, name);
    let bare = series(BARE);
    // Time that one variant adds to bare, over what another one adds.
    let added = |one, other| {
        let rounds = [series(one), series(other), bare];
        each_round(&rounds, |round| (round[0] - round[2]) / (round[1] - round[2]))
    };
    // Time between two variants, over bare.
    let over_bare = |one, other| {
        let rounds = [series(one), series(other), bare];
        each_round(&rounds, |round| (round[0] - round[1]) / round[2])
    };
    let allocations = |one, other| series(one).allocations - series(other).allocations;
    let many = [series(PAIR_MANY), series(BARE_MANY), series(PAIR), bare];
    let many = each_round(&many, |round| (round[0] - round[1]) / (round[2] - round[3]));
    vec![
        at_most("authentication hit, over bare's own cost", over_bare(AUTH, BARE), 1.7, Some(1.1)),
        at_most("the pair, over bare's own cost", over_bare(PAIR, BARE), 2.6, None),
        at_most(
            "the pair / from_fn + tower_governor",
            added(PAIR, WITH_TOWER_GOVERNOR),
            0.55,
            Some(0.4),
        ),
        at_most("the pair / HS256 alone", added(PAIR, JWT), 0.4, Some(0.26)),
        at_most("allocations, one ServiceBuilder", allocations(PAIR, BARE), 4.1, None),
        at_most("allocations, outside the Router", allocations(OUTSIDE, BARE), 2.1, None),
        at_most("allocations of EnvelopeLayer", allocations(ENVELOPE, PAIR), 3.0, None),
        at_most("EnvelopeLayer, over bare's own cost", over_bare(ENVELOPE, PAIR), 0.35, None),
        at_least(
            "a 429, times faster than tower_governor's",
            added(REFUSED_THERE, REFUSED_HERE),
            25.0,
            None,
        ),
        at_most("100,000 keys / 1,000 keys", many, 2.5, Some(1.3)),
    ]
}

pub fn at_most(what: &str, is: f64, must: f64, aim: Option<f64>) -> Target {
    let (must, aim) = (Bound::AtMost(must), aim.map(Bound::AtMost));
    Target { what: what.to_owned(), is, must, aim }
}

pub fn at_least(what: &str, is: f64, must: f64, aim: Option<f64>) -> Target {
    let (must, aim) = (Bound::AtLeast(must), aim.map(Bound::AtLeast));
    Target { what: what.to_owned(), is, must, aim }
}

pub fn print_targets(targets: &[Target]) {
    println!("\n{:<44} {:>8}   {:>8}      {:>8}", "", "is", "must", "aim");
    for Target { what, is, must, aim } in targets {
        let verdict = |bound: Bound| if bound.holds(*is) { "ok" } else { "NO" };
        let aim = aim.map_or(String::new(), |aim| format!("{aim:>8} {}", verdict(aim)));
        println!("{what:<44} {is:>8.2}   {must:>8} {}   {aim}", verdict(*must));
    }
}

fn find<'s>(all: &'s [Series], name: &str) -> &'s Series {
    all.iter().find(|series| series.name == name).unwrap()
}

/// The median of a figure that is made of one round of each.
fn each_round<const N: usize>(series: &[&Series; N], figure: impl Fn([f64; N]) -> f64) -> f64 {
    let rounds = 0..series[0].nanos.len();
    median(rounds.map(|round| figure(series.map(|series| series.nanos[round]))))
}
