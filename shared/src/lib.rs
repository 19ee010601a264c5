//! What the functions of sluice have in common.
