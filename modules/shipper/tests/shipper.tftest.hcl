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
  archive      = { path = "main.tf" }
  destinations = { search = { type = "elasticsearch", url = "https://search.example", index = "logs" } }
}

run "defaults_reserve_nothing_and_keep_what_is_stored" {
  assert {
    condition     = aws_lambda_function.shipper.reserved_concurrent_executions == null
    error_message = "Concurrency is reserved."
  }
  assert {
    condition     = !aws_s3_bucket.undelivered.force_destroy
    error_message = "A destroy deletes undelivered events."
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.shipper.value).undelivered.bucket_owner == "111122223333"
    error_message = "The bucket's owner is not checked."
  }
  assert {
    condition     = toset(keys(jsondecode(aws_ssm_parameter.shipper.value))) == toset(["destinations", "metrics", "undelivered"])
    error_message = "The configuration has other fields."
  }
  assert {
    condition     = contains(keys(output.alarm_arns), "logagg-search-rejected")
    error_message = "The destination has no alarm."
  }
}

run "a_configuration_overrides_what_the_module_sets" {
  variables {
    destinations = null
    configuration = {
      destinations = { logs = { type = "loki", url = "https://loki.example" } }
      processing   = { redact = ["email"] }
      metrics      = { namespace = "mine" }
    }
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.shipper.value).metrics.namespace == "mine"
    error_message = "The namespace is the module's."
  }
  assert {
    condition     = contains(keys(jsondecode(aws_ssm_parameter.shipper.value)), "undelivered")
    error_message = "Storage for undelivered events is missing."
  }
  assert {
    condition     = contains(keys(output.alarm_arns), "logagg-logs-rejected")
    error_message = "The destination has no alarm."
  }
}

run "an_object_has_the_hash_that_lambda_compares" {
  variables {
    archive = { bucket = "releases", key = "shipper.zip", sha256 = filesha256("main.tf") }
  }
  assert {
    condition     = aws_lambda_function.shipper.source_code_hash == filebase64sha256("main.tf")
    error_message = "The hash is not that of the object."
  }
}

run "a_file_with_another_hash_is_an_error" {
  command = plan

  variables {
    archive = { path = "main.tf", sha256 = sha256("another") }
  }
  expect_failures = [aws_lambda_function.shipper]
}

run "an_archive_is_a_file_or_an_object" {
  command = plan

  variables {
    archive = { path = "main.tf", bucket = "releases" }
  }
  expect_failures = [var.archive]
}

run "a_shipper_has_destinations" {
  command = plan

  variables {
    destinations  = null
    configuration = { processing = { redact = ["email"] } }
  }
  expect_failures = [var.destinations]
}

run "a_key_encrypts_everything" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
  }
  assert {
    condition = alltrue([
      for key in [
        aws_cloudwatch_log_group.shipper.kms_key_id,
        aws_lambda_function.shipper.kms_key_arn,
        aws_sqs_queue.undelivered.kms_master_key_id,
        aws_sqs_queue.undelivered_dead.kms_master_key_id,
        aws_ssm_parameter.shipper.key_id,
      ] : key == var.kms_key_arn
    ])
    error_message = "Something is encrypted with another key."
  }
}

run "alarms_can_be_left_out" {
  variables {
    create_alarms = false
  }
  assert {
    condition     = length(output.alarm_arns) == 0
    error_message = "There are alarms."
  }
}

run "a_shipper_of_a_stream_is_not_invoked_by_cloudwatch_logs" {
  variables {
    allow_cloudwatch_logs = false
  }
  assert {
    condition     = length(aws_lambda_permission.cloudwatch_logs) == 0
    error_message = "CloudWatch Logs may invoke the function."
  }
}

run "a_value_that_is_known_after_apply_or_sensitive_hides_no_destination" {
  module {
    source = "./tests/deferred"
  }
  assert {
    condition     = alltrue([for names in values(output.alarms) : contains(names, "logagg-search-rejected")])
    error_message = "A destination has no alarm."
  }
}

run "a_configuration_adds_to_the_sections_that_the_module_sets" {
  variables {
    configuration = { undelivered = { reserve_ms = 5000 }, metrics = {} }
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.shipper.value).undelivered.reserve_ms == 5000
    error_message = "The configuration's own field is missing."
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.shipper.value).undelivered.bucket == aws_s3_bucket.undelivered.bucket
    error_message = "The bucket is missing."
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.shipper.value).undelivered.queue_url == aws_sqs_queue.undelivered.url
    error_message = "The queue is missing."
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.shipper.value).metrics.namespace == "logagg"
    error_message = "The namespace is missing."
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
    name = "aws-logs"
  }
  expect_failures = [var.name]
}

run "a_configuration_that_no_parameter_holds_is_an_error_of_the_plan" {
  command = plan

  variables {
    configuration = { processing = { redact = [format("%08192d", 0)] } }
  }
  expect_failures = [aws_ssm_parameter.shipper]
}

# The plan knows the names of the bucket and the queue, which runs above created.
run "fields_of_the_module_count_in_the_size_of_a_configuration" {
  command = plan

  variables {
    configuration = { processing = { redact = [format("%08000d", 0)] } }
  }
  expect_failures = [aws_ssm_parameter.shipper]
}

run "tags_are_in_the_bucket_for_undelivered_events" {
  variables {
    tag_tables = { accounts = ["444455556666", "111122223333"] }
  }
  assert {
    condition = jsondecode(aws_ssm_parameter.shipper.value).tags == {
      accounts     = ["111122223333", "444455556666"]
      bucket       = aws_s3_bucket.undelivered.bucket
      bucket_owner = "111122223333"
      prefix       = "logagg/"
    }
    error_message = "The tags are elsewhere."
  }
  assert {
    condition     = local.tag_writers == toset(["444455556666"])
    error_message = "Another account may not write its tags."
  }
}

run "tags_may_be_in_another_bucket" {
  variables {
    tag_tables = { accounts = ["444455556666"], bucket = "tables", bucket_owner = "444455556666" }
  }
  assert {
    condition     = jsondecode(aws_ssm_parameter.shipper.value).tags.bucket_owner == "444455556666"
    error_message = "The tags are elsewhere."
  }
  assert {
    condition     = length(local.tag_writers) == 0
    error_message = "Another account may write to the bucket for undelivered events."
  }
}

run "an_account_has_12_digits" {
  command = plan

  variables {
    tag_tables = { accounts = ["1"] }
  }
  expect_failures = [var.tag_tables]
}
