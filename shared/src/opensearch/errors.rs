//! The meaning of OpenSearch's errors for the documents of a bulk request.
//!
//! An error about the document occurs whenever the document is written. An error about the cluster,
//! the index or the configuration lasts until somebody changes these: the documents are kept and
//! written later. An error that is not in the table is never considered one about the document.
//!
//! Source of types and texts: the source code of OpenSearch 2 and 3 (`ShardLimitValidator`,
//! `IndexClosedException`, `ResourceAlreadyExistsException`, `InvalidIndexNameException`,
//! `IndexAbstraction`, `IngestService`, `ClusterBlock`, `MapperService`, `Mapper`, `DocumentParser`,
//! Lucene's `IndexingChain`) and, for collections, "Supported operations and plugins in Amazon
//! OpenSearch Serverless".

/// A known error of OpenSearch.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownError {
    /// The name of the error in the log, in `snake_case`.
    pub name: &'static str,
    /// The subject of the error.
    pub about: About,
    /// Advice for the log; empty if the error says enough.
    pub advice: &'static str,
    /// The values of `type`.
    types: &'static [&'static str],
    /// The text to compare with the reason.
    text: Text,
}

/// The subject of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// The document: it is rejected whenever it is sent.
    Document,
    /// The cluster, the index or the configuration: the document can be written later.
    SetUp,
}

/// How a reason is compared. A reason may quote the document. A reason that means
/// [`About::Document`], or that could be confused with one that does, is therefore compared from
/// its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Text {
    Any,
    StartsWith(&'static str),
    /// Contains one of these.
    Contains(&'static [&'static str]),
}

use About::{Document, SetUp};
use Text::{Any, Contains, StartsWith};

const ILLEGAL_ARGUMENT: &[&str] = &["illegal_argument_exception"];
const CLUSTER_BLOCK: &[&str] = &["cluster_block_exception"];

/// The table: the first matching row applies.
static TABLE: &[KnownError] = &[
    KnownError {
        name: "shard_limit",
        about: SetUp,
        types: &["validation_exception", "illegal_argument_exception"],
        text: Contains(&["shards open"]),
        advice: "the cluster holds as many shards as it may, so no index can be created: delete \
                 old indices (cargo sluice setup --retention-days), write fewer and larger \
                 indices (INDEX by month instead of by day), use fewer shards for each index, add \
                 data nodes, or raise cluster.max_shards_per_node",
    },
    KnownError {
        name: "document_id_not_supported",
        about: SetUp,
        types: ILLEGAL_ARGUMENT,
        text: StartsWith("Document ID is not supported"),
        advice: "the collection (of time series or vectors) takes no document with an _id: set \
                 DOCUMENT_ID=none, or write to a collection of the type search",
    },
    KnownError {
        name: "alias_without_write_index",
        about: SetUp,
        types: ILLEGAL_ARGUMENT,
        text: StartsWith("no write index is defined for alias"),
        advice: "INDEX is an alias of several indices, or of one that is not written to: set \
                 is_write_index for one of its indices",
    },
    KnownError {
        name: "pipeline_missing",
        about: SetUp,
        types: ILLEGAL_ARGUMENT,
        text: StartsWith("pipeline with id ["),
        advice: "the index names an ingest pipeline that does not exist: create the pipeline, or \
                 change index.default_pipeline or index.final_pipeline of the index and of its \
                 template",
    },
    KnownError {
        name: "index_in_bulk_forbidden",
        about: SetUp,
        types: ILLEGAL_ARGUMENT,
        text: StartsWith("explicit index in bulk is not allowed"),
        advice: "the domain takes no index in the body of a bulk request: set its advanced option \
                 rest.action.multi.allow_explicit_index to true",
    },
    KnownError {
        name: "immense_term",
        about: Document,
        types: ILLEGAL_ARGUMENT,
        text: StartsWith("Document contains at least one immense term"),
        advice: "a text is longer than a keyword can be (32,766 bytes): map the field with \
                 ignore_above, as the index template of sluice does",
    },
    KnownError {
        name: "field_limit",
        about: Document,
        types: ILLEGAL_ARGUMENT,
        text: StartsWith("Limit of total fields"),
        advice: "the index maps as many fields as it may, and the document has more: name the \
                 fields to keep in MAPPING, with DOCUMENT=mapped and an index template whose \
                 mapping is not dynamic, as cargo sluice setup applies it, or raise \
                 index.mapping.total_fields.limit",
    },
    KnownError {
        name: "field_type_conflict",
        about: SetUp,
        types: ILLEGAL_ARGUMENT,
        text: StartsWith("mapper ["),
        advice: "documents that were written at the same time, or the values of one list, give a \
                 new field different types: the next attempt succeeds if the field is mapped by \
                 then; if it never does, map the field in the index template, or set \
                 DOCUMENT=mapped",
    },
    KnownError {
        name: "object_and_value",
        about: Document,
        types: ILLEGAL_ARGUMENT,
        text: StartsWith("can't merge a non object mapping ["),
        advice: "",
    },
    KnownError {
        name: "blank_name",
        about: Document,
        types: ILLEGAL_ARGUMENT,
        text: StartsWith("object field cannot contain only whitespace"),
        advice: "",
    },
    KnownError {
        name: "index_closed",
        about: SetUp,
        types: &["index_closed_exception"],
        text: Any,
        advice: "the index is closed: open it, or check which day the events' timestamps are of",
    },
    KnownError {
        name: "index_already_exists",
        about: SetUp,
        types: &["resource_already_exists_exception", "index_already_exists_exception"],
        text: Any,
        advice: "another request created the index at the same time: the next attempt finds it",
    },
    KnownError {
        name: "invalid_index_name",
        about: SetUp,
        types: &["invalid_index_name_exception", "invalid_alias_name_exception"],
        text: Any,
        advice: "OpenSearch does not allow the name of the index: check INDEX",
    },
    KnownError {
        name: "invalid_index_template",
        about: SetUp,
        types: &["mapper_parsing_exception", "illegal_argument_exception"],
        text: StartsWith("Failed to parse mapping"),
        advice: "the index cannot be created because the mapping of its template is invalid: \
                 apply the template again (cargo sluice setup)",
    },
    KnownError {
        name: "routing_missing",
        about: SetUp,
        types: &["routing_missing_exception"],
        text: Any,
        advice: "the mapping of the index requires a routing value, which is not sent: change \
                 _routing in the index template",
    },
    KnownError {
        name: "disk_full",
        about: SetUp,
        types: CLUSTER_BLOCK,
        text: Contains(&["allow delete", "allow-delete"]),
        advice: "the disk of a data node is above the flood-stage watermark, so its indices are \
                 read-only: delete old indices or add storage; OpenSearch lifts the block when \
                 there is space again, or remove index.blocks.read_only_allow_delete",
    },
    KnownError {
        name: "index_creation_blocked",
        about: SetUp,
        types: &["index_create_block_exception", "cluster_block_exception"],
        text: Contains(&["create-index"]),
        advice: "the cluster creates no index, on Amazon OpenSearch Service because a node is \
                 short of disk space or memory: delete old indices, add storage or nodes, then \
                 remove cluster.blocks.create_index if it stays",
    },
    KnownError {
        name: "index_closed",
        about: SetUp,
        types: CLUSTER_BLOCK,
        text: Contains(&["index closed"]),
        advice: "the index is closed: open it, or check which day the events' timestamps are of",
    },
    KnownError {
        name: "read_only",
        about: SetUp,
        types: CLUSTER_BLOCK,
        text: Contains(&["read-only"]),
        advice: "somebody or an index policy made the index or the cluster read-only: remove the \
                 block (index.blocks.read_only or cluster.blocks.read_only), or write to another \
                 index",
    },
    KnownError {
        name: "write_block",
        about: SetUp,
        types: CLUSTER_BLOCK,
        text: Any,
        advice: "a block forbids writing to the index: remove it (index.blocks.write) when what \
                 set it is over, such as a snapshot, a shrink or a watermark of the disk",
    },
    KnownError {
        name: "refused",
        about: Document,
        types: &[
            "mapper_parsing_exception",
            "document_parsing_exception",
            "strict_dynamic_mapping_exception",
            "max_bytes_length_exceeded_exception",
            "not_x_content_exception",
            "x_content_parse_exception",
            "json_parse_exception",
            "stream_constraints_exception",
            "parse_exception",
        ],
        text: Any,
        advice: "",
    },
];

/// The error for anything that is not in the table.
pub static UNKNOWN: KnownError = KnownError {
    name: "unknown_error",
    about: SetUp,
    types: &[],
    text: Any,
    advice: "OpenSearch refused documents for a reason that is not known to be about the \
             documents: look up the error type in the log of OpenSearch, and check the index, its \
             template, its ingest pipelines and INDEX",
};

impl KnownError {
    /// Finds the error of this type and reason.
    #[must_use]
    pub fn find(error_type: &str, reason: &str) -> Option<&'static Self> {
        TABLE.iter().find(|row| {
            let says = match row.text {
                Any => true,
                StartsWith(text) => reason.starts_with(text),
                Contains(texts) => texts.iter().any(|text| reason.contains(text)),
            };
            says && row.types.contains(&error_type)
        })
    }
}

#[cfg(test)]
mod tests;
