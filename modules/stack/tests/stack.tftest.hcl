mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:111122223333:function:logagg-shipper" }
  }
}

mock_provider "logagg" {
  mock_resource "logagg_policy" {
    defaults = {
      account_id = "111122223333"
      document   = "{\"version\":1,\"name\":\"logagg\",\"region\":\"eu-central-1\",\"account_id\":\"111122223333\",\"deletion_protection\":true,\"select\":[{\"name_prefixes\":[\"/aws/lambda/\"]}]}"
      log_groups = {}
      pending    = 0
      skipped    = {}
    }
  }
}

# Any file serves as an archive.
variables {
  shipper_archive  = { path = "main.tf" }
  enforcer_archive = { path = "main.tf" }
  destinations     = { search = { type = "elasticsearch", url = "https://search.example", index = "logs" } }
}

run "defaults_select_functions" {
  assert {
    condition     = one(logagg_policy.this[0].select).name_prefixes == toset(["/aws/lambda/"])
    error_message = "The selection is another."
  }
  assert {
    condition     = logagg_policy.this[0].max_changes == null
    error_message = "A first plan of many log groups would fail."
  }
  assert {
    condition     = output.enforcer_arn != null
    error_message = "There is no enforcer."
  }
}

run "log_groups_of_the_functions_agree_with_the_policy" {
  variables {
    retention_in_days = 365
  }
  assert {
    condition     = local.log_retention_in_days == logagg_policy.this[0].retention_in_days
    error_message = "The policy would change the retention of the module's own log groups."
  }
}

run "protection_that_stays_would_stop_a_destroy_of_the_module" {
  variables {
    deletion_protection = true
  }
  expect_failures = [check.own_log_groups_can_be_destroyed]
}

run "protection_that_is_restored_does_not" {
  variables {
    deletion_protection            = true
    deletion_protection_on_destroy = "restore"
  }
  assert {
    condition     = strcontains(output.iam_policies.apply, "logs:PutLogGroupDeletionProtection")
    error_message = "The IAM policy does not allow what the policy needs."
  }
  assert {
    condition     = !strcontains(output.iam_policies.plan, "Put")
    error_message = "The IAM policy to plan allows writes."
  }
}

run "tags_of_this_account_and_others_are_read" {
  variables {
    tag_keys     = ["team"]
    tag_accounts = ["444455556666"]
  }
  assert {
    condition     = local.tag_accounts == toset(["111122223333", "444455556666"])
    error_message = "The shipper reads the tags of other accounts."
  }
  assert {
    condition     = one(local.tag_table).keys == tolist(["team"])
    error_message = "The enforcer writes other tags."
  }
}

run "without_keys_no_tags_are_read" {
  assert {
    condition     = length(local.tag_accounts) == 0 && length(local.tag_table) == 0
    error_message = "Tags are read."
  }
}

run "the_enforcer_writes_tags" {
  command = plan

  variables {
    create_enforcer = false
    tag_keys        = ["team"]
  }
  expect_failures = [var.tag_keys]
}

run "an_enforcer_needs_an_archive" {
  command = plan

  variables {
    enforcer_archive = null
  }
  expect_failures = [var.enforcer_archive]
}

run "the_shipper_alone" {
  variables {
    create_policy    = false
    create_enforcer  = false
    enforcer_archive = null
  }
  assert {
    condition     = output.enforcer_arn == null && output.policy_document == null
    error_message = "There is a policy or an enforcer."
  }
}

run "a_name_that_systems_manager_reserves_is_an_error" {
  command = plan

  variables {
    name = "aws"
  }
  expect_failures = [var.name]
}
