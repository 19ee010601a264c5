//! A buffer that is full by size or by age.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Items in the order of their arrival.
#[derive(Debug)]
pub(super) struct Buffer<T> {
    items: VecDeque<Item<T>>,
    size: Size,
}

/// The size of an item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// The bytes that count against the size of the buffer.
    pub(super) bytes: usize,
    /// The bytes that count against the limit of a request.
    pub(super) request_bytes: usize,
}

#[derive(Debug)]
struct Item<T> {
    value: T,
    size: Size,
    since: Instant,
}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), size: Size::default() }
    }
}

impl<T> Buffer<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.size.bytes
    }

    pub(super) fn push(&mut self, value: T, size: Size, now: Instant) {
        self.size.bytes += size.bytes;
        self.size.request_bytes += size.request_bytes;
        self.items.push_back(Item { value, size, since: now });
    }

    /// Whether the buffer has reached one of these sizes.
    pub(super) fn is_full(&self, limit: Size) -> bool {
        !self.is_empty()
            && (self.size.bytes >= limit.bytes || self.size.request_bytes >= limit.request_bytes)
    }

    /// The time at which the oldest item has waited for `interval`.
    pub(super) fn due_at(&self, interval: Duration) -> Option<Instant> {
        self.items.front().map(|item| item.since + interval)
    }

    /// Takes the oldest items that fit into `limit` together, but at least one if there is any.
    pub(super) fn take(&mut self, limit: Size) -> Vec<T> {
        let mut taken = Vec::new();
        let mut size = Size::default();
        while let Some(item) = self.items.front() {
            size.bytes += item.size.bytes;
            size.request_bytes += item.size.request_bytes;
            let fits = size.bytes <= limit.bytes && size.request_bytes <= limit.request_bytes;
            if !fits && !taken.is_empty() {
                break;
            }
            if let Some(item) = self.items.pop_front() {
                self.size.bytes -= item.size.bytes;
                self.size.request_bytes -= item.size.request_bytes;
                taken.push(item.value);
            }
        }
        taken
    }
}
