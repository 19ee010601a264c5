//! The event model from outside, against its specification: what a payload becomes, byte for
//! byte, and what must hold for any payload at all.

#[cfg(test)]
mod analytics;
#[cfg(test)]
mod document_id;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod duplicates;
#[cfg(test)]
mod envelopes;
#[cfg(test)]
mod extra;
#[cfg(test)]
mod id;
#[cfg(test)]
mod line_breaks;
#[cfg(test)]
mod mapping;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod put_back;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
#[cfg(test)]
mod times;
#[cfg(test)]
mod timestamps;
