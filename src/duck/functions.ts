/**
 * What a query may call: functions whose answer depends on their arguments alone. Not among them: what reads files,
 * settings, the catalog, variables or the environment, writes logs, sleeps, runs SQL from a string, or rolls dice.
 */
const words = (...lists: readonly string[]): string[] => lists.flatMap(list => list.trim().split(/\s+/));

const OPERATORS = `!__postfix !~~ !~~* % & && * ** + - ->> / // <-> <=> <@ << >> @ @> ^ ^@ | || ~ ~~ ~~* ~~~ -> [] = <> < > <= >=
  ilike_escape like_escape not_ilike_escape not_like_escape`;

const AGGREGATES = `any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min arg_min_null
  argmax argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if count_star countif covar_pop
  covar_samp cume_dist dense_rank entropy favg fill first first_value fsum geomean geometric_mean group_concat histogram
  histogram_exact kahan_sum kurtosis kurtosis_pop lag last last_value lead list listagg mad max max_by mean median min min_by
  mode nth_value ntile percent_rank product quantile quantile_cont quantile_disc rank rank_dense regr_avgx regr_avgy
  regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy row_number sem skewness stddev stddev_pop
  stddev_samp string_agg sum sum_no_overflow sumkahan var_pop var_samp variance wavg weighted_avg grouping grouping_id`;

const NUMBERS = `abs acos acosh add asin asinh atan atan2 atanh bin bit_count cbrt ceil ceiling cos cosh cot degrees divide even exp
  equi_width_bins factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor isfinite isinf isnan lcm least
  least_common_multiple lgamma ln log log10 log2 mod multiply nextafter pi pow power radians round round_even roundbankers
  sign signbit sin sinh sqrt subtract tan tanh to_base trunc xor`;

const TEXTS = `array_to_string array_to_string_comma_default ascii bar base64 bit_length char_length character_length chr concat
  concat_ws contains damerau_levenshtein decode editdist3 encode ends_with format format_bytes formatreadabledecimalsize
  formatreadablesize from_base64 from_binary from_hex hamming hash hex instr jaccard jaro_similarity jaro_winkler_similarity
  lcase left left_grapheme len length length_grapheme levenshtein lower lpad ltrim md5 md5_number md5_number_lower
  md5_number_upper mismatches nfc_normalize octet_length ord parse_dirname parse_dirpath parse_filename parse_path position
  prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace
  regexp_split_to_array repeat replace reverse right right_grapheme rpad rtrim sha1 sha256 split split_part starts_with
  str_split str_split_regex string_split string_split_regex string_to_array strip_accents strlen strpos substr substring
  substring_grapheme suffix to_base64 to_binary to_hex translate trim ucase unbin unhex unicode upper url_decode url_encode`;

const TIMES = `age century date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname
  dayofmonth dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era hour isodow isoyear julian last_day
  make_date make_time make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz microsecond millennium
  millisecond minute month monthname nanosecond normalized_interval quarter second strftime strptime time_bucket timezone
  timezone_hour timezone_minute to_centuries to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes
  to_months to_quarters to_seconds to_timestamp to_weeks to_years try_strptime week weekday weekofyear year yearweek`;

const NESTED = `aggregate apply array_append array_concat array_contains array_distinct array_extract array_filter array_has
  array_has_all array_has_any array_indexof array_intersect array_length array_position array_prepend array_reverse
  array_slice array_sort array_transform array_unique array_value array_zip cardinality combine element_at filter flatten
  generate_subscripts list_aggr list_aggregate list_any_value list_append list_apply list_approx_count_distinct list_avg
  list_bool_and list_bool_or list_cat list_concat list_contains list_count list_distinct list_element list_entropy
  list_extract list_filter list_first list_grade_up list_has list_has_all list_has_any list_histogram list_indexof
  list_intersect list_last list_mad list_max list_median list_min list_mode list_pack list_position list_prepend
  list_product list_reduce list_resize list_reverse list_reverse_sort list_select list_slice list_sort list_stddev_pop
  list_stddev_samp list_string_agg list_sum list_transform list_unique list_value list_var_pop list_var_samp list_where
  list_zip map map_concat map_contains map_entries map_extract map_extract_value map_from_entries map_keys map_values
  range generate_series reduce row struct_concat struct_extract struct_extract_at struct_has struct_insert struct_keys
  struct_pack struct_update struct_values unnest json json_array json_array_length json_contains json_exists json_extract
  json_extract_path json_extract_path_text json_extract_string json_group_array json_group_object json_keys
  json_merge_patch json_object json_pretty json_quote json_structure json_type json_valid json_value row_to_json
  array_to_json to_json from_json json_transform json_each json_tree`;

const OTHERS = `alias coalesce constant_or_null if ifnull nullif typeof pg_typeof version ip_key`;

/** The time it is: allowed, but no query that asks for it can be answered again. */
export const CLOCKS: ReadonlySet<string> = new Set(
  words(`now today current_date current_time current_timestamp get_current_time get_current_timestamp current_localtime
    current_localtimestamp transaction_timestamp ago`),
);

/** What the engine takes for a clock where no column is called so, without parentheses. */
export const BARE_CLOCKS: ReadonlySet<string> = new Set(
  words('current_date current_time current_timestamp localtime localtimestamp'),
);

export const FUNCTIONS: ReadonlySet<string> = new Set([
  ...words(OPERATORS, AGGREGATES, NUMBERS, TEXTS, TIMES, NESTED, OTHERS),
  ...CLOCKS,
]);

export const TABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  'unnest',
  'range',
  'generate_series',
  'json_each',
  'json_tree',
]);
