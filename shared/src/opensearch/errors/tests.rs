use super::*;

/// Errors as OpenSearch writes them.
const ERRORS: &[(&str, &str, &str, About, &str)] = &[
    (
        "validation_exception",
        "Validation Failed: 1: this action would add [2] total shards, but this cluster \
         currently has [1000]/[1000] maximum shards open;",
        "shard_limit",
        SetUp,
        "cluster.max_shards_per_node",
    ),
    (
        "illegal_argument_exception",
        "Validation Failed: 1: this action would add [10] total shards, but this cluster \
         currently has [2996]/[3000] maximum shards open;",
        "shard_limit",
        SetUp,
        "shards",
    ),
    (
        "illegal_argument_exception",
        "Document ID is not supported in create/index operation request",
        "document_id_not_supported",
        SetUp,
        "DOCUMENT_ID=none",
    ),
    (
        "illegal_argument_exception",
        "no write index is defined for alias [music]. The write index may be explicitly \
         disabled using is_write_index=false or the alias points to multiple indices without \
         one being designated as a write index",
        "alias_without_write_index",
        SetUp,
        "is_write_index",
    ),
    (
        "illegal_argument_exception",
        "pipeline with id [geo] does not exist",
        "pipeline_missing",
        SetUp,
        "index.default_pipeline",
    ),
    (
        "illegal_argument_exception",
        "explicit index in bulk is not allowed",
        "index_in_bulk_forbidden",
        SetUp,
        "rest.action.multi.allow_explicit_index",
    ),
    (
        "illegal_argument_exception",
        "Document contains at least one immense term in field=\"note\" (whose UTF8 encoding \
         is longer than the max length 32766), all of which were skipped.",
        "immense_term",
        Document,
        "ignore_above",
    ),
    (
        "illegal_argument_exception",
        "Limit of total fields [1000] has been exceeded",
        "field_limit",
        Document,
        "MAPPING",
    ),
    (
        "illegal_argument_exception",
        "mapper [tags] cannot be changed from type [keyword] to [double]",
        "field_type_conflict",
        SetUp,
        "index template",
    ),
    (
        "illegal_argument_exception",
        "can't merge a non object mapping [tags] with an object mapping",
        "object_and_value",
        Document,
        "",
    ),
    (
        "illegal_argument_exception",
        "object field cannot contain only whitespace: ['in. ']",
        "blank_name",
        Document,
        "",
    ),
    ("index_closed_exception", "closed", "index_closed", SetUp, "open it"),
    (
        "resource_already_exists_exception",
        "index [music-events-2024.03.01/abc] already exists",
        "index_already_exists",
        SetUp,
        "next attempt",
    ),
    (
        "invalid_index_name_exception",
        "Invalid index name [Music], must be lowercase",
        "invalid_index_name",
        SetUp,
        "check INDEX",
    ),
    (
        "mapper_parsing_exception",
        "Failed to parse mapping [_doc]: No handler for type [flat_objekt] declared on field",
        "invalid_index_template",
        SetUp,
        "cargo sluice setup",
    ),
    (
        "routing_missing_exception",
        "routing is required for [music]/[e-1]",
        "routing_missing",
        SetUp,
        "_routing",
    ),
    (
        "cluster_block_exception",
        "index [m] blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];",
        "disk_full",
        SetUp,
        "watermark",
    ),
    (
        "cluster_block_exception",
        "index [m] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage \
         watermark, index has read-only-allow-delete block];",
        "disk_full",
        SetUp,
        "watermark",
    ),
    (
        "cluster_block_exception",
        "blocked by: [FORBIDDEN/13/cluster read-only / allow delete (api)];",
        "disk_full",
        SetUp,
        "watermark",
    ),
    (
        "cluster_block_exception",
        "blocked by: [FORBIDDEN/10/cluster create-index blocked (api)];",
        "index_creation_blocked",
        SetUp,
        "cluster.blocks.create_index",
    ),
    (
        "index_create_block_exception",
        "blocked by: [FORBIDDEN/10/cluster create-index blocked (api)];",
        "index_creation_blocked",
        SetUp,
        "cluster.blocks.create_index",
    ),
    (
        "cluster_block_exception",
        "index [m] blocked by: [FORBIDDEN/4/index closed];",
        "index_closed",
        SetUp,
        "open it",
    ),
    (
        "cluster_block_exception",
        "index [m] blocked by: [FORBIDDEN/5/index read-only (api)];",
        "read_only",
        SetUp,
        "index.blocks.read_only",
    ),
    (
        "cluster_block_exception",
        "blocked by: [FORBIDDEN/6/cluster read-only (api)];",
        "read_only",
        SetUp,
        "cluster.blocks.read_only",
    ),
    (
        "cluster_block_exception",
        "index [m] blocked by: [FORBIDDEN/8/index write (api)];",
        "write_block",
        SetUp,
        "index.blocks.write",
    ),
    (
        "mapper_parsing_exception",
        "failed to parse field [song.duration_ms] of type [long] in document with id 'e-1'. \
         Preview of field's value: 'Failed to parse mapping'",
        "refused",
        Document,
        "",
    ),
    (
        "strict_dynamic_mapping_exception",
        "mapping set to strict, dynamic introduction of [x] within [_doc] is not allowed",
        "refused",
        Document,
        "",
    ),
];

#[test]
fn each_error_is_about_what_has_to_change() {
    for (error_type, reason, name, about, advice) in ERRORS {
        let error = KnownError::find(error_type, reason).unwrap();
        assert_eq!((error.name, error.about), (*name, *about), "{reason}");
        assert!(error.advice.contains(advice), "{reason}: {}", error.advice);
    }
    for row in TABLE {
        let tested = ERRORS.iter().any(|(error_type, reason, ..)| {
            KnownError::find(error_type, reason).is_some_and(|found| std::ptr::eq(found, row))
        });
        assert!(tested, "{row:?}");
    }
}

#[test]
fn what_is_not_known_is_not_about_the_document() {
    for (error_type, reason) in [
        ("illegal_argument_exception", "something new"),
        // A value of a document in the text of another error.
        ("illegal_argument_exception", "unable to convert [Limit of total fields] to integer"),
        ("illegal_argument_exception", "no mapper [x]: can't merge a non object mapping [x]"),
        ("illegal_argument_exception", ""),
        ("script_exception", "runtime error"),
        ("some_exception", "failed to parse"),
        ("", ""),
    ] {
        assert_eq!(KnownError::find(error_type, reason), None, "{error_type} {reason}");
    }
    assert_eq!(UNKNOWN.about, SetUp);
}
