# Events of new log groups and the schedule of sweeps. A queue between EventBridge and the function retries what
# fails.

resource "aws_sqs_queue" "created" {
  region                     = var.region
  name                       = "${var.name}-created"
  visibility_timeout_seconds = 6 * var.timeout
  message_retention_seconds  = 345600
  max_message_size           = 1048576
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 10
  })
}

# New log groups that could not be subscribed in all attempts.
resource "aws_sqs_queue" "dead" {
  region                    = var.region
  name                      = "${var.name}-dead"
  message_retention_seconds = 1209600
  max_message_size          = 1048576
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  region    = var.region
  queue_url = aws_sqs_queue.dead.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.created.arn]
  })
}

resource "aws_sqs_queue_policy" "created" {
  region    = var.region
  queue_url = aws_sqs_queue.created.url
  policy    = data.aws_iam_policy_document.created.json
}

data "aws_iam_policy_document" "created" {
  statement {
    sid       = "Events"
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
  region                  = var.region
  event_source_arn        = aws_sqs_queue.created.arn
  function_name           = aws_lambda_function.enforcer.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  # Each instance keeps its own rate, and CloudWatch Logs' quotas are the account's.
  scaling_config {
    maximum_concurrency = 2
  }
}

resource "aws_cloudwatch_event_rule" "created" {
  region      = var.region
  name        = "${var.name}-created"
  description = "A log group was created"
  tags        = var.tags

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
  region = var.region
  rule   = aws_cloudwatch_event_rule.created.name
  arn    = aws_sqs_queue.created.arn

  depends_on = [aws_sqs_queue_policy.created]
}

# EventBridge delivers events at best effort: a sweep over young log groups finds those whose event never came.
resource "aws_cloudwatch_event_rule" "sweep" {
  region              = var.region
  name                = "${var.name}-sweep"
  description         = "Has the enforcer evaluate young log groups"
  schedule_expression = "rate(1 hour)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "sweep" {
  region = var.region
  rule   = aws_cloudwatch_event_rule.sweep.name
  arn    = aws_sqs_queue.created.arn

  depends_on = [aws_sqs_queue_policy.created]
}
