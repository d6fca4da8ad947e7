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
