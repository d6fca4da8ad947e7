# Backfill: a second function of the same archive reads log events from CloudWatch Logs and forwards them. It has a role
# of its own, so that the shipper itself may read no log group. Slices of a backfill are messages of a queue.

locals {
  backfill_concurrency = 2
  backfill_log_group   = "/aws/lambda/${var.name}-backfill"
  backfill_configuration = merge(local.configuration, {
    for queue in aws_sqs_queue.backfill : "backfill" => merge(concat([{
      queue_url   = queue.url
      concurrency = local.backfill_concurrency
      exclude_log_groups = sort(setunion(
        [aws_cloudwatch_log_group.shipper.name],
        var.backfill_exclude_log_groups,
      ))
    }], [for name, fields in local.given : fields if name == "backfill"])...)
  })
  backfill_document = jsonencode(local.backfill_configuration)
  backfill_size     = length(local.backfill_document)
}

resource "aws_lambda_function" "backfill" {
  #checkov:skip=CKV_AWS_116:Its slices come from a queue that has a dead-letter queue.

  count = var.create_backfill ? 1 : 0

  region            = var.region
  function_name     = "${var.name}-backfill"
  description       = "Forwards log events from before a filter, ${substr(sha256(local.backfill_document), 0, 8)}"
  filename          = var.archive.path
  s3_bucket         = var.archive.bucket
  s3_key            = var.archive.key
  s3_object_version = var.archive.version
  source_code_hash  = local.archive_hash
  runtime           = "provided.al2023"
  handler           = "bootstrap"
  architectures     = [var.architecture]
  layers            = var.layers
  role              = aws_iam_role.backfill[0].arn
  memory_size       = var.memory_size
  timeout           = 300
  kms_key_arn       = var.kms_key_arn
  tags              = var.tags

  code_signing_config_arn = var.code_signing_config_arn

  environment {
    variables = merge(var.environment, { LOGAGG_CONFIG_SSM = aws_ssm_parameter.backfill[0].name })
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.backfill[0].name
  }

  tracing_config {
    mode = var.tracing_mode
  }

  dynamic "vpc_config" {
    for_each = var.vpc_config[*]

    content {
      subnet_ids                  = vpc_config.value.subnet_ids
      security_group_ids          = vpc_config.value.security_group_ids
      ipv6_allowed_for_dual_stack = vpc_config.value.ipv6_allowed_for_dual_stack
    }
  }

  depends_on = [aws_iam_role_policy.backfill]
}

# Its hash is in the function's description: a change has Lambda start new instances, which read it again.
resource "aws_ssm_parameter" "backfill" {
  count = var.create_backfill ? 1 : 0

  region = var.region
  name   = "/${var.name}/backfill"
  type   = "SecureString"
  key_id = var.kms_key_arn
  tier   = "Intelligent-Tiering"
  value  = local.backfill_document
  tags   = var.tags

  lifecycle {
    precondition {
      condition     = local.backfill_size <= 8192
      error_message = "The configuration of the backfill does not fit into a parameter of Systems Manager, which holds 8,192 characters of JSON: shorten the shipper's configuration, which it contains."
    }
  }
}

resource "aws_cloudwatch_log_group" "backfill" {
  #checkov:skip=CKV_AWS_338:It has summary lines and no log events; log_retention_in_days keeps them longer.

  count = var.create_backfill ? 1 : 0

  region            = var.region
  name              = local.backfill_log_group
  retention_in_days = var.log_retention_in_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sqs_queue" "backfill" {
  count = var.create_backfill ? 1 : 0

  region = var.region
  name   = "${var.name}-backfill"
  # Six times the function's timeout.
  visibility_timeout_seconds = 1800
  message_retention_seconds  = local.undelivered_retention
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.backfill_dead[0].arn
    maxReceiveCount     = local.undelivered_attempts
  })
}

# Slices that were not finished in all attempts. Their log events are in CloudWatch Logs: move the messages back with
# SQS's redrive once the cause is removed.
resource "aws_sqs_queue" "backfill_dead" {
  count = var.create_backfill ? 1 : 0

  region                    = var.region
  name                      = "${var.name}-backfill-dead"
  message_retention_seconds = local.undelivered_retention
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "backfill_dead" {
  count = var.create_backfill ? 1 : 0

  region    = var.region
  queue_url = aws_sqs_queue.backfill_dead[0].url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.backfill[0].arn]
  })
}

resource "aws_lambda_event_source_mapping" "backfill" {
  count = var.create_backfill ? 1 : 0

  region                  = var.region
  event_source_arn        = aws_sqs_queue.backfill[0].arn
  function_name           = aws_lambda_function.backfill[0].arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  scaling_config {
    maximum_concurrency = local.backfill_concurrency
  }
}

# A slice that needs more time is continued by another message. A counter in it ends such a chain.
resource "aws_lambda_function_recursion_config" "backfill" {
  count = var.create_backfill ? 1 : 0

  region         = var.region
  function_name  = aws_lambda_function.backfill[0].function_name
  recursive_loop = "Allow"
}

# A request that is repeated would send its slices twice.
resource "aws_lambda_function_event_invoke_config" "backfill" {
  count = var.create_backfill ? 1 : 0

  region                 = var.region
  function_name          = aws_lambda_function.backfill[0].function_name
  maximum_retry_attempts = 0
}

resource "aws_iam_role" "backfill" {
  count = var.create_backfill ? 1 : 0

  name                 = "${var.name}-backfill-${local.region}"
  assume_role_policy   = data.aws_iam_policy_document.lambda.json
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags
}

resource "aws_iam_role_policy" "backfill" {
  count = var.create_backfill ? 1 : 0

  name   = "backfill"
  role   = aws_iam_role.backfill[0].id
  policy = data.aws_iam_policy_document.backfill[0].json
}

# What the shipper may, so that it delivers and stores in the same way, and to read log groups.
data "aws_iam_policy_document" "backfill" {
  count = var.create_backfill ? 1 : 0

  source_policy_documents = [data.aws_iam_policy_document.shipper.json]

  statement {
    sid       = "BackfillLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.backfill[0].arn}:*"]
  }
  statement {
    sid       = "BackfillConfiguration"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.backfill[0].arn]
  }
  statement {
    sid       = "ReadLogGroups"
    actions   = ["logs:DescribeLogGroups", "logs:FilterLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:*"]
  }
  statement {
    sid = "Slices"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    resources = [aws_sqs_queue.backfill[0].arn]
  }
}
