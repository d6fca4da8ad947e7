//! Scenarios of the provider that hold with the Terraform of `PATH` hold with a newer one and with
//! OpenTofu.
//!
//! Terraform 1.15 takes part in every `cargo test`. OpenTofu has to be built first, so its tests
//! are ignored there, and `logagg_e2e::third_party::opentofu::run_scenes` asks for them.

mod newer;
mod opentofu;
mod query;

use std::path::Path;

use logagg_e2e::cli::Cli;
use logagg_e2e::progress;
use logagg_e2e::third_party::opentofu::BINARY_VARIABLE;

/// Set by the gate, where nothing may be left out.
const REQUIRE_ALL_VARIABLE: &str = "LOGAGG_REQUIRE_ALL";

/// How many lifecycles there are with each program, unless `LOGAGG_LIFECYCLES` says otherwise.
const LIFECYCLES_OF_TERRAFORM: u64 = 1;
const LIFECYCLES_OF_OPENTOFU: u64 = 8;

/// Terraform 1.15. Where its package has no build for this machine the test says that it is left
/// out; in the gate it fails.
#[track_caller]
fn terraform_1_15(test: &str) -> Option<&'static Cli> {
    let why = match Cli::shared_terraform_1_15() {
        Ok(cli) => return Some(cli),
        Err(why) => why,
    };
    let left_out = format!("left out: {test} with Terraform 1.15: {why}");
    assert!(std::env::var_os(REQUIRE_ALL_VARIABLE).is_none(), "{left_out}");
    progress::to_stderr(&left_out);
    None
}

/// The OpenTofu that these tests require.
#[track_caller]
fn opentofu() -> Cli {
    let Some(binary) = std::env::var_os(BINARY_VARIABLE) else {
        panic!("{BINARY_VARIABLE} is not set; let it name an OpenTofu, as in /usr/bin/tofu")
    };
    Cli::opentofu(Path::new(&binary)).unwrap()
}

/// Scenarios with each of the two programs, those of what only Terraform 1.15 has, and those with
/// OpenTofu alone, for which the gate has no time: Terraform 1.15 is the same program as the one of
/// `PATH`, a few versions on.
macro_rules! scenarios {
    (
        both { $($both_topic:ident: $($both:ident),+;)+ }
        terraform_1_15 { $($new_topic:ident: $($new:ident),+;)+ }
        opentofu { $($tofu_topic:ident: $($tofu:ident),+;)+ }
    ) => {
        mod with_terraform_1_15 {
            #[allow(clippy::wildcard_imports, reason = "the topics that the list names")]
            use crate::*;
            use super::{newer, query};

            $($(#[test]
            fn $both() {
                if let Some(cli) = super::terraform_1_15(stringify!($both)) {
                    crate::scene::with_cli(cli, $both_topic::$both);
                }
            })+)+

            $($(#[test]
            fn $new() {
                if let Some(cli) = super::terraform_1_15(stringify!($new)) {
                    crate::scene::with_cli(cli, $new_topic::$new);
                }
            })+)+

            #[test]
            fn lives_keep_every_promise() {
                if let Some(cli) = super::terraform_1_15(stringify!(lives_keep_every_promise)) {
                    crate::lifecycle::play_with(cli, super::LIFECYCLES_OF_TERRAFORM);
                }
            }
        }

        mod with_opentofu {
            #[allow(clippy::wildcard_imports, reason = "the topics that the list names")]
            use crate::*;
            use super::newer;

            $($(#[test]
            #[ignore = "needs OpenTofu"]
            fn $both() {
                crate::scene::with_cli(&super::opentofu(), $both_topic::$both);
            })+)+

            $($(#[test]
            #[ignore = "needs OpenTofu"]
            fn $tofu() {
                crate::scene::with_cli(&super::opentofu(), $tofu_topic::$tofu);
            })+)+

            #[test]
            #[ignore = "needs OpenTofu"]
            fn lives_keep_every_promise() {
                crate::lifecycle::play_with(&super::opentofu(), super::LIFECYCLES_OF_OPENTOFU);
            }
        }
    };
}

scenarios! {
    both {
        first_apply:
            the_first_apply_subscribes_and_sets_retention_and_the_next_plan_is_empty;
        functions:
            a_configuration_calls_the_functions;
        drift:
            all_kinds_at_once_are_one_plan_and_one_apply,
            only_refreshing_shows_drift_and_writes_nothing;
        change:
            a_rename_creates_the_new_filter_before_it_deletes_the_old,
            a_change_of_the_filters_arguments_shows_every_log_group_whose_filter_is_written,
            a_replaced_policy_ends_with_the_same_filters,
            a_plan_to_destroy_says_so_and_writes_nothing;
        hand_over:
            a_policy_that_is_created_before_the_old_one_is_destroyed_keeps_the_filters,
            a_moved_block_changes_nothing;
        conflicts:
            twins_that_are_in_the_state_are_parted_by_forgetting_one;
        guards:
            what_grew_since_the_plan_stops_the_apply_before_it_writes;
        import:
            the_import_command_finds_the_filters_of_the_name,
            one_block_for_many_accounts_is_imported_through_its_roles;
        retention:
            a_plan_that_shortens_retention_warns_of_what_is_deleted,
            destroy_restores_the_original_retention;
        interrupt:
            a_create_ends_with_what_it_reached_and_taints_nothing;
        modules:
            every_module_and_example_is_valid,
            the_modules_own_tests_pass;
        newer:
            the_program_is_the_requested_one,
            the_provider_is_installed_from_a_mirror,
            an_import_block_with_an_identity_plans_the_difference,
            an_identity_that_no_policy_has_is_an_error,
            another_address_in_the_state_is_no_change,
            a_policy_that_is_removed_from_the_state_keeps_its_filters,
            a_test_with_a_mock_provider_calls_nothing;
    }
    terraform_1_15 {
        newer:
            a_generated_configuration_writes_nothing_and_then_plans_empty;
        query:
            the_readme_moves_an_existing_account,
            the_example_of_tfplugin_lists_its_notes_and_generates_their_configuration,
            what_is_not_alike_is_planned_and_all_else_stays_as_it_is,
            an_account_of_thousands_of_log_groups_is_queried_up_to_the_limit,
            the_page_of_the_list_says_what_the_provider_says,
            another_account_is_queried_and_imported_through_its_role,
            a_query_that_is_stopped_ends_and_one_that_is_denied_says_what_is;
    }
    opentofu {
        first_apply:
            a_destination_made_in_the_same_apply_is_no_obstacle,
            a_provider_that_is_not_yet_configured_calls_nothing;
        drift:
            a_changed_retention_goes_back_to_the_policys;
        change:
            a_selection_within_what_was_listed_is_planned_group_by_group;
        failure:
            a_postcondition_on_pending_makes_a_half_done_create_fail_loudly,
            a_refusal_in_the_middle_of_an_update_keeps_what_was_done;
        hand_over:
            another_address_without_a_moved_block_ends_with_the_same_filters,
            another_key_of_for_each_and_another_count_are_hand_overs;
        conflicts:
            one_filter_name_for_two_policies_is_an_error_before_anything_is_written;
        import:
            the_import_block_plans_the_difference;
        log_groups:
            for_each_goes_over_what_was_found;
        interrupt:
            a_plan_ends_at_once,
            a_destroy_keeps_what_it_did_not_come_to,
            a_killed_create_leaves_no_state_and_the_next_one_takes_it_up;
    }
}
