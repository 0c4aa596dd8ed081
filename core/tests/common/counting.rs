//! An allocator that counts what a test's own thread asks for.
#![allow(unreachable_pub, reason = "a module of several test crates")]
#![allow(dead_code, reason = "every test crate uses its own part of this module")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    /// Bytes that are taken now.
    pub static LIVE: Cell<usize> = const { Cell::new(0) };
    /// The most so far.
    pub static PEAK: Cell<usize> = const { Cell::new(0) };
    /// How many times bytes were taken.
    pub static COUNT: Cell<usize> = const { Cell::new(0) };
}

fn taken(size: usize) {
    COUNT.set(COUNT.get() + 1);
    LIVE.set(LIVE.get().wrapping_add(size));
    // What another thread took may be given back here.
    if LIVE.get() < usize::MAX / 2 {
        PEAK.set(PEAK.get().max(LIVE.get()));
    }
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().wrapping_sub(layout.size()));
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both may exist for a moment.
        taken(size);
        LIVE.set(LIVE.get().wrapping_sub(layout.size()));
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
