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
      document   = "{}"
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

run "providers_of_two_accounts_are_an_error" {
  override_resource {
    target = logagg_policy.this
    values = { account_id = "444455556666" }
  }
  expect_failures = [logagg_policy.this]
}
