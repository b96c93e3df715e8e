//! One suite of laws, for both databases.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod suite;
mod support;

/// Each law as a test of SQLite and as a test of PostgreSQL.
macro_rules! laws {
    ($($module:ident { $($law:ident),+ $(,)? })+) => {
        mod sqlite { $( mod $module { $(
            #[test]
            fn $law() { crate::suite::$module::$law(&crate::support::Database::sqlite()); }
        )+ } )+ }
        mod postgresql { $( mod $module { $(
            #[test]
            fn $law() { crate::suite::$module::$law(&crate::support::Database::postgresql()); }
        )+ } )+ }
    };
}

laws! {
    schema {
        opening_twice_applies_nothing_twice,
        three_nodes_can_start_at_once,
        a_database_of_a_newer_tollgate_is_left_alone,
        a_tenant_of_an_older_tollgate_is_as_it_was,
    }
    accounts {
        what_is_made_is_found_as_it_was,
        changes_are_kept_and_removals_are_final,
        what_is_said_of_deadlines_is_kept_and_can_be_taken_back,
        deadlines_of_a_newer_tollgate_are_read_as_far_as_they_are_known,
        lists_come_in_pages,
        the_last_owner_stays,
        a_members_keys_go_with_it,
        a_revoked_key_never_comes_back,
        a_tenant_goes_with_what_is_its_own_and_its_id_is_not_given_out_again,
        a_credential_is_replaced_only_by_who_saw_it_last,
        a_budget_covers_only_what_is_the_tenants_own,
        a_key_goes_on_with_a_line_of_its_own_tenant_only,
        a_budget_of_any_key_of_a_line_covers_the_line_and_outlives_its_keys,
        the_operators_budget_is_the_operators_alone,
        a_tenant_has_one_credential_for_a_provider,
        strange_texts_come_back_as_they_were,
        nul_is_refused_everywhere,
        the_operators_keys_are_the_operators_alone,
    }
    scopes { nothing_of_another_tenant_exists }
    money {
        paying_twice_with_one_key_counts_once,
        no_more_is_taken_back_than_was_paid,
        a_statement_is_the_sum_of_its_month,
        usage_stays_at_the_largest_number,
    }
    feed {
        each_mutation_is_told,
        changes_come_in_the_order_of_commits,
        a_key_stream_misses_none,
        old_changes_are_forgotten_and_a_node_behind_can_tell,
    }
    ledger {
        grants_never_pass_the_limit,
        an_account_that_is_gone_lends_nothing,
        a_grant_is_at_least_the_least,
        a_posting_counts_once,
        an_operation_that_is_asked_again_is_done_once,
        what_a_dead_run_held_counts_until_it_is_buried,
        what_is_written_off_is_spent,
        nodes_that_post_at_once_lose_nothing,
        a_new_window_is_whole,
    }
    backups {
        a_backup_goes_from_one_database_to_the_other_and_back,
        only_an_empty_store_is_restored_into,
        a_backup_that_is_not_whole_restores_nothing,
        a_backup_from_before_deadlines_is_restored,
    }
}
