# Undelivered events: the shipper stores them in a bucket, S3 sends pointers to a queue, and the queue hands
# them to the shipper until the destination takes them. Events that fail the invocation itself are recorded by
# Lambda in the same bucket and take the same way.

locals {
  # Below these prefixes S3 notifies the queue. Dead letters, rejected/ and undecodable/, wait for an operator.
  undelivered_prefixes = ["logagg/undelivered/", "aws/lambda/"]
  # With attempts after 1, 2, 4, 8 and then every 15 minutes, an outage of four days puts nothing into the
  # dead-letter queue: `cargo xtask outage` computes it.
  undelivered_attempts   = 400
  undelivered_delay      = 60
  undelivered_visibility = 900
  undelivered_retention  = 1209600
}

resource "aws_s3_bucket" "undelivered" {
  bucket_prefix = "${var.name}-undelivered-"
}

resource "aws_s3_bucket_public_access_block" "undelivered" {
  bucket                  = aws_s3_bucket.undelivered.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "undelivered" {
  bucket = aws_s3_bucket.undelivered.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# Delivered events are deleted by the shipper; this is for what nobody has looked at.
resource "aws_s3_bucket_lifecycle_configuration" "undelivered" {
  bucket = aws_s3_bucket.undelivered.id

  dynamic "rule" {
    for_each = {
      "logagg/undelivered/" = 90
      "logagg/rejected/"    = 90
      "logagg/undecodable/" = 90
      "logagg/delivering/"  = 7
      "aws/lambda/"         = 90
    }

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.key
      }
      expiration {
        days = rule.value
      }
    }
  }
}

resource "aws_s3_bucket_policy" "undelivered" {
  bucket = aws_s3_bucket.undelivered.id
  policy = data.aws_iam_policy_document.undelivered_bucket.json
}

data "aws_iam_policy_document" "undelivered_bucket" {
  statement {
    sid       = "OnlyEncrypted"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.undelivered.arn, "${aws_s3_bucket.undelivered.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_notification" "undelivered" {
  bucket = aws_s3_bucket.undelivered.id

  dynamic "queue" {
    for_each = local.undelivered_prefixes

    content {
      queue_arn     = aws_sqs_queue.undelivered.arn
      events        = ["s3:ObjectCreated:*"]
      filter_prefix = queue.value
    }
  }

  depends_on = [aws_sqs_queue_policy.undelivered]
}

resource "aws_sqs_queue" "undelivered" {
  name                       = "${var.name}-undelivered"
  delay_seconds              = local.undelivered_delay
  visibility_timeout_seconds = local.undelivered_visibility
  message_retention_seconds  = local.undelivered_retention
  max_message_size           = 1048576
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.undelivered_dead.arn
    maxReceiveCount     = local.undelivered_attempts
  })
}

# Pointers whose events were not delivered in all attempts. The events are in the bucket; move the messages
# back with SQS's redrive once the reason is gone.
resource "aws_sqs_queue" "undelivered_dead" {
  name                      = "${var.name}-undelivered-dead"
  message_retention_seconds = local.undelivered_retention
  max_message_size          = 1048576
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_redrive_allow_policy" "undelivered_dead" {
  queue_url = aws_sqs_queue.undelivered_dead.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.undelivered.arn]
  })
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.url
  policy    = data.aws_iam_policy_document.undelivered_queue.json
}

data "aws_iam_policy_document" "undelivered_queue" {
  statement {
    sid       = "NotificationsOfTheBucket"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.undelivered.arn]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.undelivered.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

resource "aws_lambda_event_source_mapping" "undelivered" {
  event_source_arn        = aws_sqs_queue.undelivered.arn
  function_name           = aws_lambda_function.shipper.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.replay_concurrency
  }
}

# What fails the invocation itself: Lambda retries it twice, and then writes a record of it into the bucket.
resource "aws_lambda_function_event_invoke_config" "shipper" {
  function_name                = aws_lambda_function.shipper.function_name
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = aws_s3_bucket.undelivered.arn
    }
  }
}

# Counts what is stored, and finds events whose notification was lost: alarms.tf has alarms on that.
resource "aws_cloudwatch_event_rule" "undelivered" {
  name                = "${var.name}-count-undelivered"
  description         = "Has the shipper count undelivered events"
  schedule_expression = "rate(1 hour)"
}

resource "aws_cloudwatch_event_target" "undelivered" {
  rule  = aws_cloudwatch_event_rule.undelivered.name
  arn   = aws_lambda_function.shipper.arn
  input = jsonencode({ logagg = "replay", dry_run = true })
}

resource "aws_lambda_permission" "undelivered" {
  function_name = aws_lambda_function.shipper.function_name
  statement_id  = "count-undelivered"
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.undelivered.arn
}
