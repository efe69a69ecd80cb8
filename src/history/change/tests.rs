//! What is a change, and what is none.

use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Normal noise around levels: `(runs, level)`; `noise` as a share.
fn series(levels: &[(usize, f64)], noise: f64, seed: u64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut normal = move || (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
    let level = |&(runs, level): &(usize, f64)| std::iter::repeat_n(level, runs);
    let levels = levels.iter().flat_map(level);
    levels
        .map(|level| level * (noise * normal()).exp())
        .collect()
}

fn found(values: &[f64]) -> Vec<Shift> {
    shifts(values, 1).map_or_else(Vec::new, |shifts| shifts.all)
}

fn places(values: &[f64]) -> Vec<usize> {
    found(values).iter().map(|shift| shift.at).collect()
}

#[test]
fn a_lasting_change_is_found_where_it_is() {
    for (levels, wanted) in [
        (&[(20, 41_900.0), (10, 36_800.0)][..], &[20][..]),
        (&[(20, 41_900.0), (3, 36_800.0)], &[20]),
        (&[(12, 100.0), (3, 120.0)], &[12]),
        (&[(5, 100.0), (5, 1_000.0)], &[5]),
        (&[(15, 100.0), (10, 80.0), (15, 100.0)], &[15, 25]),
        (&[(300, 100.0), (3, 80.0)], &[300]),
        (&[(20, 100.0), (20, 200.0), (20, 400.0)], &[20, 40]),
    ] {
        for seed in 0..10 {
            assert_eq!(
                places(&series(levels, 0.02, seed)),
                wanted,
                "{levels:?}, seed {seed}"
            );
        }
    }
}

#[test]
fn levels_and_chance_are_told() {
    let values = series(&[(20, 41_900.0), (10, 36_800.0)], 0.01, 3);
    let [shift] = found(&values)[..] else {
        panic!("one shift")
    };
    assert!((shift.before / 41_900.0 - 1.0).abs() < 0.01, "{shift:?}");
    assert!((shift.after / 36_800.0 - 1.0).abs() < 0.01, "{shift:?}");
    assert!(shift.p_value <= ALPHA);
    assert_eq!(found(&values), [shift], "the same seed, the same answer");
}

#[test]
fn too_little_is_no_change() {
    for (what, values) in [
        ("nothing", vec![]),
        ("five runs", vec![1.0, 1.0, 1.0, 9.0, 9.0]),
        ("equal runs", vec![5.0; 40]),
        ("two runs after", series(&[(30, 100.0), (2, 50.0)], 0.02, 5)),
        ("three and three", series(&[(3, 100.0), (3, 50.0)], 0.02, 5)),
        ("two per cent", series(&[(50, 100.0), (50, 98.0)], 0.001, 5)),
        ("runs without a record", vec![0.0; 12]),
    ] {
        assert_eq!(places(&values), [0_usize; 0], "{what}");
    }
}

#[test]
fn single_outliers_are_no_change() {
    for seed in 0..50 {
        let mut values = series(&[(30, 100.0)], 0.03, seed);
        values[10] *= 0.3;
        values[20] *= 4.0;
        values[29] *= 0.5;
        assert_eq!(places(&values), [0_usize; 0], "seed {seed}");
    }
}

#[test]
fn noise_alone_hardly_ever_looks_like_a_change() {
    let mut alarms = 0;
    for seed in 0..1_000 {
        let runs = 6 + (seed as usize % 60);
        alarms += usize::from(!places(&series(&[(runs, 100.0)], 0.08, seed)).is_empty());
    }
    assert!(alarms <= 25, "{alarms} of 1,000 histories without a change");
}

#[test]
fn the_work_grows_as_n_log_n() {
    for all in [6, 7, 100, 1_000, 10_000, 100_000_usize] {
        let intervals = intervals(all);
        let length: usize = intervals.iter().map(|(start, end)| end - start).sum();
        let bound = 6.0 * all as f64 * (all as f64).log2();
        assert!((length as f64) < bound, "{length} for {all}");
        assert!(intervals.iter().all(|(_, end)| *end <= all));
        assert_eq!(intervals[0], (0, all));
    }
}
