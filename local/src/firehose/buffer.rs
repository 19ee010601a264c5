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

/// What an item counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Against the buffer's size.
    pub(super) bytes: usize,
    /// Against the largest request that can hold it.
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

    /// When the oldest item has waited for `interval`.
    pub(super) fn due_at(&self, interval: Duration) -> Option<Instant> {
        self.items.front().map(|item| item.since + interval)
    }

    /// Takes the oldest items that fit into `limit` together, at least one if there is any.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn size(bytes: usize, request_bytes: usize) -> Size {
        Size { bytes, request_bytes }
    }

    fn filled(sizes: &[Size]) -> Buffer<usize> {
        let mut buffer = Buffer::default();
        for (number, size) in sizes.iter().enumerate() {
            buffer.push(number, *size, Instant::now());
        }
        buffer
    }

    #[test]
    fn it_is_full_at_either_size_and_is_taken_in_parts_that_fit() {
        assert!(!filled(&[]).is_full(size(0, 0)));
        let buffer = filled(&[size(3, 10), size(3, 10)]);
        assert!(buffer.is_full(size(6, 100)));
        assert!(!buffer.is_full(size(7, 21)));
        assert!(buffer.is_full(size(7, 20)));

        let mut buffer = filled(&[size(3, 1), size(3, 1), size(3, 1), size(99, 1), size(1, 9)]);
        assert_eq!(buffer.take(size(6, 100)), [0, 1]);
        assert_eq!(buffer.take(size(100, 1)), [2]);
        assert_eq!(buffer.take(size(6, 100)), [3], "larger than a batch, so alone");
        assert_eq!(buffer.take(size(6, 100)), [4]);
        assert_eq!((buffer.is_empty(), buffer.size), (true, Size::default()));
        assert_eq!(buffer.take(size(6, 100)), [0; 0]);
    }

    #[test]
    fn the_oldest_item_decides_when_it_is_due() {
        let now = Instant::now();
        let (second, third) = (Duration::from_secs(1), Duration::from_secs(3));
        let mut buffer = Buffer::default();
        assert_eq!(buffer.due_at(third), None);
        buffer.push((), size(1, 1), now);
        buffer.push((), size(1, 1), now + second);
        assert_eq!(buffer.due_at(third), Some(now + third));
        buffer.take(size(1, 1));
        assert_eq!(buffer.due_at(third), Some(now + second + third));
    }
}
