//! Counting allocations.

use alloc_counter::{AllocCounterSystem, allow_alloc, count_alloc};

#[global_allocator]
static COUNTER: AllocCounterSystem = AllocCounterSystem;

/// What `work` returns, and how often it asks for memory on this thread: allocations and
/// reallocations.
pub(crate) fn allocations<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let ((allocations, reallocations, _), result) = count_alloc(work);
    (allocations + reallocations, result)
}

/// Does `work` without counting, which takes time that is not the contender's.
pub(crate) fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    allow_alloc(work)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn what_is_asked_for_is_counted() {
        let (count, boxed) = allocations(|| black_box(Box::new(1)));
        assert_eq!((count, *boxed), (1, 1));
        let (count, _) = allocations(|| uncounted(|| black_box(Box::new(1))));
        assert_eq!(count, 0);
    }
}
