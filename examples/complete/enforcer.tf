# The enforcer: applies the policy to a log group the moment it is created, so that nothing waits for
# the next plan. The event comes through CloudTrail, so the account needs a trail that logs management
# events; most have one.

locals {
  enforcer_timeout = 60
}

resource "aws_lambda_function" "enforcer" {
  function_name    = "${var.name}-enforcer"
  description      = "Applies the policy to new log groups"
  filename         = var.enforcer_archive
  source_code_hash = filebase64sha256(var.enforcer_archive)
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  role             = aws_iam_role.enforcer.arn
  memory_size      = 128
  timeout          = local.enforcer_timeout

  # Its pace is kept in each instance, and CloudWatch Logs' quotas are the account's.
  reserved_concurrent_executions = 2

  environment {
    variables = {
      LOGAGG_CONFIG_SSM = aws_ssm_parameter.enforcer.name
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.enforcer.name
  }

  depends_on = [aws_iam_role_policy.enforcer]
}

# The very policy that Terraform applies. The enforcer reads it again when a minute has passed.
resource "aws_ssm_parameter" "enforcer" {
  name = "/${var.name}/enforcer"
  type = "String"
  tier = "Intelligent-Tiering"
  value = jsonencode({
    policies = [logagg_policy.lambda.document]
    metrics  = { namespace = local.metrics_namespace }
  })
}

resource "aws_cloudwatch_log_group" "enforcer" {
  name              = "/aws/lambda/${var.name}-enforcer"
  retention_in_days = var.retention_in_days
}

# A queue between, so that what fails comes again.
resource "aws_sqs_queue" "created" {
  name                       = "${var.name}-created"
  visibility_timeout_seconds = 6 * local.enforcer_timeout
  message_retention_seconds  = 345600
  max_message_size           = 1048576
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 10
  })
}

# New log groups that could not be subscribed in all attempts, for an operator to look at.
resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  message_retention_seconds = 1209600
  max_message_size          = 1048576
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "created" {
  queue_url = aws_sqs_queue.created.url
  policy    = data.aws_iam_policy_document.created.json
}

data "aws_iam_policy_document" "created" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.created.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.created.arn, aws_cloudwatch_event_rule.sweep.arn]
    }
  }
}

resource "aws_lambda_event_source_mapping" "created" {
  event_source_arn        = aws_sqs_queue.created.arn
  function_name           = aws_lambda_function.enforcer.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 2
  }
}

resource "aws_cloudwatch_event_rule" "created" {
  name        = "${var.name}-created"
  description = "A log group was created"

  event_pattern = jsonencode({
    source      = ["aws.logs"]
    detail-type = ["AWS API Call via CloudTrail"]
    detail = {
      eventSource = ["logs.amazonaws.com"]
      eventName   = ["CreateLogGroup"]
    }
  })
}

resource "aws_cloudwatch_event_target" "created" {
  rule = aws_cloudwatch_event_rule.created.name
  arn  = aws_sqs_queue.created.arn
}

# Events are delivered at best effort: a sweep over young log groups finds what never came.
resource "aws_cloudwatch_event_rule" "sweep" {
  name                = "${var.name}-sweep"
  description         = "Has the enforcer look at young log groups"
  schedule_expression = "rate(1 hour)"
}

resource "aws_cloudwatch_event_target" "sweep" {
  rule = aws_cloudwatch_event_rule.sweep.name
  arn  = aws_sqs_queue.created.arn
}

# What the function may do. Each action and its reason: docs/guides/security.md.
resource "aws_iam_role" "enforcer" {
  name               = "${var.name}-enforcer-${var.region}"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

resource "aws_iam_role_policy" "enforcer" {
  name   = "enforce"
  role   = aws_iam_role.enforcer.id
  policy = data.aws_iam_policy_document.enforcer.json
}

data "aws_iam_policy_document" "enforcer" {
  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.enforcer.arn}:*"]
  }
  statement {
    sid       = "Configuration"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.enforcer.arn]
  }
  statement {
    sid = "Policy"
    actions = [
      "logs:DescribeLogGroups",
      "logs:DescribeSubscriptionFilters",
      "logs:ListTagsForResource",
      "logs:PutRetentionPolicy",
      "logs:PutSubscriptionFilter",
    ]
    resources = ["arn:${data.aws_partition.current.partition}:logs:${var.region}:${var.account_id}:log-group:*"]
  }
  # Asks about the account, not about a log group.
  statement {
    sid       = "AccountPolicy"
    actions   = ["logs:DescribeAccountPolicies"]
    resources = ["*"]
  }
  statement {
    sid       = "Loops"
    actions   = ["lambda:GetFunctionConfiguration"]
    resources = ["arn:${data.aws_partition.current.partition}:lambda:${var.region}:${var.account_id}:function:*"]
  }
  # A sweep that has no time left has another invocation continue it.
  statement {
    sid       = "ContinueSweep"
    actions   = ["lambda:InvokeFunction"]
    resources = ["arn:${data.aws_partition.current.partition}:lambda:${var.region}:${var.account_id}:function:${var.name}-enforcer"]
  }
  statement {
    sid       = "TakeEvents"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.created.arn]
  }
}
