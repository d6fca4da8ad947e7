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

# Any file serves as an archive.
variables {
  archive  = { path = "main.tf" }
  policies = ["{\"name\":\"lambda\"}"]
}

run "the_configuration_has_the_policies" {
  assert {
    condition     = jsondecode(aws_ssm_parameter.enforcer.value).policies == ["{\"name\":\"lambda\"}"]
    error_message = "The enforcer has other policies."
  }
  assert {
    condition     = aws_lambda_function.enforcer.reserved_concurrent_executions == null
    error_message = "Concurrency is reserved."
  }
  assert {
    condition     = alltrue([for name in ["errors", "dead-letter-queue", "unswept", "undecodable", "sweep-failed"] : contains(keys(output.alarm_arns), "logagg-enforcer-${name}")])
    error_message = "An alarm is missing."
  }
}

run "an_object_has_the_hash_that_lambda_compares" {
  variables {
    archive = { bucket = "releases", key = "enforcer.zip", sha256 = filesha256("main.tf") }
  }
  assert {
    condition     = aws_lambda_function.enforcer.source_code_hash == filebase64sha256("main.tf")
    error_message = "The hash is not that of the object."
  }
}

run "an_enforcer_has_policies" {
  command = plan

  variables {
    policies = []
  }
  expect_failures = [var.policies]
}

run "a_configuration_adds_to_the_metrics_that_the_module_sets" {
  variables {
    configuration = { sweep_max_age_hours = 12, metrics = {} }
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.enforcer.value).metrics.namespace == "logagg"
    error_message = "The namespace is missing."
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.enforcer.value).sweep_max_age_hours == 12
    error_message = "The configuration's own field is missing."
  }
}

run "alarms_watch_the_namespace_that_the_function_writes_to" {
  variables {
    metrics_namespace = "not-this"
    configuration     = { metrics = { namespace = "mine" } }
  }
  assert {
    condition = alltrue([
      for alarm in local.alarms : alarm.namespace == "mine" if !startswith(alarm.namespace, "AWS/")
    ])
    error_message = "An alarm watches a namespace without metrics."
  }
  assert {
    condition     = aws_cloudwatch_log_metric_filter.undecodable.metric_transformation[0].namespace == "mine"
    error_message = "A metric has another namespace than its alarm."
  }
}

run "a_name_that_systems_manager_reserves_is_an_error" {
  command = plan

  variables {
    name = "ssm2"
  }
  expect_failures = [var.name]
}

run "policies_that_no_parameter_holds_are_an_error_of_the_plan" {
  command = plan

  variables {
    policies = [format("%08192d", 0)]
  }
  expect_failures = [aws_ssm_parameter.enforcer]
}

run "without_a_table_no_tags_are_read" {
  assert {
    condition     = !can(jsondecode(aws_ssm_parameter.enforcer.value).tag_table)
    error_message = "The enforcer writes tags."
  }
}

run "a_tag_table_is_in_a_bucket_of_this_account_unless_said_otherwise" {
  variables {
    tag_table = { bucket = "tables", keys = ["team", "env"] }
  }
  assert {
    condition = jsondecode(aws_ssm_parameter.enforcer.value).tag_table == {
      bucket       = "tables"
      bucket_owner = "111122223333"
      keys         = ["team", "env"]
      prefix       = "logagg/"
    }
    error_message = "The table is another."
  }
}

run "a_tag_table_of_another_account_has_its_owner_and_region" {
  variables {
    tag_table = { bucket = "tables", keys = ["team"], bucket_owner = "444455556666", region = "eu-west-1" }
  }
  assert {
    condition = alltrue([
      jsondecode(aws_ssm_parameter.enforcer.value).tag_table.bucket_owner == "444455556666",
      jsondecode(aws_ssm_parameter.enforcer.value).tag_table.region == "eu-west-1",
    ])
    error_message = "The table is another."
  }
}

run "a_tag_table_has_keys" {
  command = plan

  variables {
    tag_table = { bucket = "tables", keys = [] }
  }
  expect_failures = [var.tag_table]
}
