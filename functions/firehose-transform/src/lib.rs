//! Turns raw events into documents.
