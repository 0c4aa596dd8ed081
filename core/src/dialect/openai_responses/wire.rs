//! Constants and small readers of the dialect's JSON.
