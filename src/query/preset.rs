//! Translations for backends that are widely known: a table, in the words of `proxy.toml`, each in one place.
//!
//! What is not here is done on the answered list, so a line stands here only where the backend finds the very
//! records that the same filter finds here.

/// The options of `[route.query]` that a preset sets.
pub type Lines = &'static [(&'static str, &'static str)];

/// A preset's options, and the entries of its tables.
#[derive(Debug)]
pub struct Preset {
    /// What `preset` is to be.
    pub name: &'static str,
    /// Options that are texts.
    pub options: Lines,
    /// `filter`.
    pub filter: Lines,
    /// `or_filter`.
    pub or_filter: Lines,
    /// `headers`.
    pub headers: Lines,
    /// `whole_lists`; `None`: as without a preset.
    pub whole_lists: Option<bool>,
    /// `repeated_filters`.
    pub repeated_filters: bool,
}

impl Preset {
    const NONE: Self = Self {
        name: "none",
        options: &[],
        filter: &[],
        or_filter: &[],
        headers: &[],
        whole_lists: None,
        repeated_filters: false,
    };

    /// The one of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// Backends of which nothing is known.
    pub fn none() -> &'static Self {
        &Self::NONE
    }
}

/// All of them.
pub static PRESETS: [Preset; 7] =
    [Preset::NONE, JSON_SERVER, JSON_SERVER_1, POSTGREST, FLARCHITECT, DJANGO_REST_FRAMEWORK, FASTCMS];

/// json-server 0.17 (`npm install json-server`). A column that no record has is no condition for it.
/// Values of one name are alternatives, those of `_ne` exclusions; `_like` is a regular expression without case.
const JSON_SERVER: Preset = Preset {
    name: "json-server",
    options: &[
        ("sort", "_sort={columns:csv}&_order={directions:csv}"),
        ("limit", "_limit={limit}"),
        ("offset", "_start={offset}&_end={end}"),
        ("preload", "_embed={relations:repeat}"),
        ("preload_one", "_expand={relations:repeat}"),
        ("total", "header:X-Total-Count"),
    ],
    filter: &[
        ("eq", "{column}={value}"),
        ("neq", "{column}_ne={value}"),
        ("gt", "{column}_gte={value}&{column}_ne={value}"),
        ("gte", "{column}_gte={value}"),
        ("lt", "{column}_lte={value}&{column}_ne={value}"),
        ("lte", "{column}_lte={value}"),
        ("in", "{column}={values:repeat}"),
        ("ilike", "{column}_like={value:like_regex}"),
        ("contains", "{column}_like={value:regex}"),
        ("startswith", "{column}_like=^{value:regex}"),
        ("endswith", "{column}_like={value:regex}$"),
        ("between", "{column}_gte={low}&{column}_lte={high}&{column}_ne={low}&{column}_ne={high}"),
        ("between_inclusive", "{column}_gte={low}&{column}_lte={high}"),
        ("is_not_null", "{column}_like="),
        ("is_not_empty", "{column}_ne="),
    ],
    whole_lists: Some(true),
    ..Preset::NONE
};

/// json-server 1.0, up to its beta 15. It reads every value as a number, a truth value or null if it can, and finds
/// those alone: `id=1` is not the id `"1"` that it gives. Null is less than 1 for it, and unlike everything; a dot
/// in a name is a step, and its conditions on text find no number.
const JSON_SERVER_1: Preset = Preset {
    name: "json-server-1",
    options: &[
        ("sort", "_sort={sort:csv}"),
        ("page", "_page={page}&_per_page={limit}"),
        ("preload", "_embed={relations:repeat}"),
        ("items", "/data"),
        ("total", "/items"),
    ],
    filter: &[
        ("eq", "{column:name}:eq={value:worded}"),
        ("gt", "{column:name}:gt={value:typed}&{column:name}:ne=null"),
        ("gte", "{column:name}:gte={value:typed}&{column:name}:ne=null"),
        ("lt", "{column:name}:lt={value:typed}&{column:name}:ne=null"),
        ("lte", "{column:name}:lte={value:typed}&{column:name}:ne=null"),
        ("in", "{column:name}:in={values:worded:csv}"),
        ("contains", "{column:name}:contains={value:worded}"),
        ("startswith", "{column:name}:startsWith={value:worded}"),
        ("endswith", "{column:name}:endsWith={value:worded}"),
        ("between", "{column:name}:gt={low:typed}&{column:name}:lt={high:typed}&{column:name}:ne=null"),
        (
            "between_inclusive",
            "{column:name}:gte={low:typed}&{column:name}:lte={high:typed}&{column:name}:ne=null",
        ),
        ("is_not_null", "{column:name}:ne=null"),
    ],
    whole_lists: Some(true),
    ..Preset::NONE
};

/// `PostgREST` (<https://docs.postgrest.org/en/stable/references/api/tables_views.html>). Its records have no path
/// of their own: `item` and its kin are to be `GET /table?id=eq.{id}`, unless something in front makes paths.
/// A `*` in a pattern is a `%` for it.
const POSTGREST: Preset = Preset {
    name: "postgrest",
    options: &[
        ("or_group", "or=({conditions:open:csv})"),
        ("columns", "select={columns:csv}"),
        ("sort", "order={sort:csv}"),
        ("sort_item", "{column}.{direction}"),
        ("limit", "limit={limit}"),
        ("offset", "offset={offset}"),
        ("preload", "select=*,{relations:join((*),)}(*)"),
        ("total", "content-range"),
    ],
    filter: &[
        ("eq", "{column}=eq.{value}"),
        ("neq", "{column}=neq.{value}"),
        ("gt", "{column}=gt.{value}"),
        ("gte", "{column}=gte.{value}"),
        ("lt", "{column}=lt.{value}"),
        ("lte", "{column}=lte.{value}"),
        ("like", "{column}=like.{value:without(*)}"),
        ("ilike", "{column}=ilike.{value:without(*)}"),
        ("in", "{column}=in.({values:quoted:csv})"),
        ("contains", "{column}=ilike.*{value:without(*):like}*"),
        ("startswith", "{column}=ilike.{value:without(*):like}*"),
        ("endswith", "{column}=ilike.*{value:without(*):like}"),
        ("between", "{column}=gt.{low}&{column}=lt.{high}"),
        ("between_inclusive", "{column}=gte.{low}&{column}=lte.{high}"),
        ("is_null", "{column}=is.null"),
        ("is_not_null", "{column}=not.is.null"),
    ],
    or_filter: &[
        ("eq", "{column}.eq.{value:quoted}"),
        ("neq", "{column}.neq.{value:quoted}"),
        ("gt", "{column}.gt.{value:quoted}"),
        ("gte", "{column}.gte.{value:quoted}"),
        ("lt", "{column}.lt.{value:quoted}"),
        ("lte", "{column}.lte.{value:quoted}"),
        ("like", "{column}.like.{value:without(*):quoted}"),
        ("ilike", "{column}.ilike.{value:without(*):quoted}"),
        ("in", "{column}.in.({values:quoted:csv})"),
        ("is_null", "{column}.is.null"),
        ("is_not_null", "{column}.not.is.null"),
    ],
    headers: &[("Prefer", "count=exact, return=representation")],
    repeated_filters: true,
    ..Preset::NONE
};

/// A column whose conditions flarchitect reads.
macro_rules! flarchitect {
    () => {
        "{column:unlike(page|limit|groupby|fields|join|orderby|include_deleted|__)}"
    };
}

/// flarchitect 1.6. Its patterns have wildcards on both sides whatever is asked, and of all groups it makes one. A
/// parameter with the name of one of its own inside (`homepage__eq`, for `page`) is no condition for it.
const FLARCHITECT: Preset = Preset {
    name: "flarchitect",
    options: &[
        ("or_group", "or[{conditions:open:csv}]"),
        ("columns", "fields={columns:csv}"),
        ("sort", "order_by={sort:csv}"),
        ("page", "limit={limit}&page={page}"),
        ("items", "/value"),
        ("record", "/value"),
        ("total", "/total_count"),
        ("error", "/errors/error"),
    ],
    filter: &[
        ("eq", concat!(flarchitect!(), "__eq={value}")),
        ("neq", concat!(flarchitect!(), "__ne={value}")),
        ("gt", concat!(flarchitect!(), "__gt={value}")),
        ("gte", concat!(flarchitect!(), "__ge={value}")),
        ("lt", concat!(flarchitect!(), "__lt={value}")),
        ("lte", concat!(flarchitect!(), "__le={value}")),
        ("in", concat!(flarchitect!(), "__in={values:without(()):csv}")),
        ("contains", concat!(flarchitect!(), "__ilike={value:without(%_\\)}")),
        ("between", concat!(flarchitect!(), "__gt={low}&", flarchitect!(), "__lt={high}")),
        ("between_inclusive", concat!(flarchitect!(), "__ge={low}&", flarchitect!(), "__le={high}")),
    ],
    or_filter: &[
        ("eq", concat!(flarchitect!(), "__eq={value:filled:without(,=])}")),
        ("neq", concat!(flarchitect!(), "__ne={value:filled:without(,=])}")),
        ("gt", concat!(flarchitect!(), "__gt={value:filled:without(,=])}")),
        ("gte", concat!(flarchitect!(), "__ge={value:filled:without(,=])}")),
        ("lt", concat!(flarchitect!(), "__lt={value:filled:without(,=])}")),
        ("lte", concat!(flarchitect!(), "__le={value:filled:without(,=])}")),
        ("contains", concat!(flarchitect!(), "__ilike={value:filled:without(%_\\,=])}")),
    ],
    ..Preset::NONE
};

/// Django REST framework with django-filter, whose filter sets have the lookups of a `fields` table, with
/// `LimitOffsetPagination` and `OrderingFilter`. A lookup that is not in the table is no condition for it,
/// nor is an empty text, and spaces around a value do not count.
const DJANGO_REST_FRAMEWORK: Preset = Preset {
    name: "django-rest-framework",
    options: &[
        ("sort", "ordering={sort:csv}"),
        ("limit", "limit={limit}"),
        ("offset", "offset={offset}"),
        ("items", "/results"),
        ("total", "/count"),
    ],
    filter: &[
        ("eq", "{column}={value:filled}"),
        ("gt", "{column}__gt={value:filled}"),
        ("gte", "{column}__gte={value:filled}"),
        ("lt", "{column}__lt={value:filled}"),
        ("lte", "{column}__lte={value:filled}"),
        ("in", "{column}__in={values:filled:csv}"),
        ("contains", "{column}__icontains={value:filled}"),
        ("startswith", "{column}__istartswith={value:filled}"),
        ("endswith", "{column}__iendswith={value:filled}"),
        ("between", "{column}__gt={low:filled}&{column}__lt={high:filled}"),
        ("between_inclusive", "{column}__gte={low:filled}&{column}__lte={high:filled}"),
        ("is_null", "{column}__isnull=true"),
        ("is_not_null", "{column}__isnull=false"),
    ],
    ..Preset::NONE
};

/// `FastCMS` 0.1 (`pyfastcms` in PyPI): one expression for all filters, in which nothing can be escaped, nor can a group
/// stand beside another condition. A condition on a column that it does not know is none for it, and its pages have
/// up to 100 records. A record's fields stand in its `data`.
const FASTCMS: Preset = Preset {
    name: "fastcms",
    options: &[
        ("filters", "filter={filters:open:join(&&)}"),
        ("columns", "fields={columns:csv}"),
        ("sort", "sort={sort:csv}"),
        ("page", "page={page}&per_page={limit}"),
        ("preload", "expand={relations:csv}"),
        ("body", "{\"data\":{data}}"),
        ("inner", "/data"),
        ("items", "/items"),
        ("total", "/total"),
        ("error", "/error"),
    ],
    filter: &[
        ("eq", "{column:name}={value:in_quotes:without(&|\n)}"),
        ("neq", "{column:name}!={value:in_quotes:without(&|\n)}"),
        ("gt", "{column:name}>{value:in_quotes:without(&|\n)}"),
        ("gte", "{column:name}>={value:in_quotes:without(&|\n)}"),
        ("lt", "{column:name}<{value:in_quotes:without(&|\n)}"),
        ("lte", "{column:name}<={value:in_quotes:without(&|\n)}"),
        ("in", "{column:name}?=[{values:in_quotes:without(&|\n):csv}]"),
        ("contains", "{column:name}~\"{value:without(&|%_\\\n)}\""),
        (
            "between",
            "{column:name}>{low:in_quotes:without(&|\n)}&&{column:name}<{high:in_quotes:without(&|\n)}",
        ),
        (
            "between_inclusive",
            "{column:name}>={low:in_quotes:without(&|\n)}&&{column:name}<={high:in_quotes:without(&|\n)}",
        ),
        ("is_null", "{column:name}=null"),
        ("is_not_null", "{column:name}!=null"),
    ],
    ..Preset::NONE
};
