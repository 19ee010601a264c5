//! opensearch
