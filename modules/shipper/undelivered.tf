# Storage for undelivered events: the shipper stores them in a bucket, S3 sends pointers to a queue, and the queue
# hands these to the shipper until the destination takes the events. Lambda's on-failure records are in the same
# bucket and are retried in the same way.

locals {
  # Other accounts whose tag tables are in this bucket.
  tag_writers = toset(flatten([
    for tables in var.tag_tables[*] : setsubtract(tables.accounts, [local.account_id]) if tables.bucket == null
  ]))

  # S3 notifies the queue below these prefixes. Dead letters, rejected/ and undecodable/, wait for an operator.
  undelivered_prefixes = ["logagg/undelivered/", "aws/lambda/"]
  # With attempts after 1, 2, 4, 8 and then every 15 minutes, an outage of four days puts nothing into the
  # dead-letter queue: `cargo xtask outage` computes it.
  undelivered_attempts   = 400
  undelivered_delay      = 60
  undelivered_visibility = 900
  undelivered_retention  = 1209600
}

resource "aws_s3_bucket" "undelivered" {
  #checkov:skip=CKV_AWS_18:Access logs need a bucket of the organization's; CloudTrail's data events have the same.
  #checkov:skip=CKV_AWS_144:Undelivered events are there until they are delivered, and are in CloudWatch Logs too.

  region        = var.region
  bucket_prefix = "${var.name}-undelivered-"
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_public_access_block" "undelivered" {
  region                  = var.region
  bucket                  = aws_s3_bucket.undelivered.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "undelivered" {
  region = var.region
  bucket = aws_s3_bucket.undelivered.id

  rule {
    bucket_key_enabled = var.kms_key_arn == null ? null : true

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

# An object that is overwritten or deleted by accident can be restored for a week.
resource "aws_s3_bucket_versioning" "undelivered" {
  region = var.region
  bucket = aws_s3_bucket.undelivered.id

  versioning_configuration {
    status = "Enabled"
  }
}

# The shipper deletes what was delivered. These rules are for the rest.
resource "aws_s3_bucket_lifecycle_configuration" "undelivered" {
  region = var.region
  bucket = aws_s3_bucket.undelivered.id

  dynamic "rule" {
    for_each = {
      "logagg/undelivered/" = var.undelivered_retention_in_days
      "logagg/rejected/"    = var.undelivered_retention_in_days
      "logagg/undecodable/" = var.undelivered_retention_in_days
      "logagg/delivering/"  = 7
      "aws/lambda/"         = var.undelivered_retention_in_days
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
  rule {
    id     = "versions"
    status = "Enabled"

    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 7
    }
    expiration {
      expired_object_delete_marker = true
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.undelivered]
}

resource "aws_s3_bucket_policy" "undelivered" {
  region = var.region
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
  # Enforcers of other accounts write their tags.
  dynamic "statement" {
    for_each = local.tag_writers

    content {
      sid       = "TagTable${statement.value}"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["${aws_s3_bucket.undelivered.arn}/logagg/tags/${statement.value}/*"]

      principals {
        type        = "AWS"
        identifiers = ["arn:${local.partition}:iam::${statement.value}:root"]
      }
    }
  }
}

resource "aws_s3_bucket_notification" "undelivered" {
  region = var.region
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
  region                     = var.region
  name                       = "${var.name}-undelivered"
  delay_seconds              = local.undelivered_delay
  visibility_timeout_seconds = local.undelivered_visibility
  message_retention_seconds  = local.undelivered_retention
  max_message_size           = 1048576
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.undelivered_dead.arn
    maxReceiveCount     = local.undelivered_attempts
  })
}

# Pointers whose events were not delivered in all attempts. The events are in the bucket: move the messages back
# with SQS's redrive once the cause is removed.
resource "aws_sqs_queue" "undelivered_dead" {
  region                    = var.region
  name                      = "${var.name}-undelivered-dead"
  message_retention_seconds = local.undelivered_retention
  max_message_size          = 1048576
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags
}

resource "aws_sqs_queue_redrive_allow_policy" "undelivered_dead" {
  region    = var.region
  queue_url = aws_sqs_queue.undelivered_dead.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.undelivered.arn]
  })
}

resource "aws_sqs_queue_policy" "undelivered" {
  region    = var.region
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
      values   = [local.account_id]
    }
  }
}

resource "aws_lambda_event_source_mapping" "undelivered" {
  region                  = var.region
  event_source_arn        = aws_sqs_queue.undelivered.arn
  function_name           = aws_lambda_function.shipper.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  scaling_config {
    maximum_concurrency = var.replay_concurrency
  }
}

# Lambda retries a failed invocation twice, and then writes a record of the event into the bucket.
resource "aws_lambda_function_event_invoke_config" "shipper" {
  region                       = var.region
  function_name                = aws_lambda_function.shipper.function_name
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = aws_s3_bucket.undelivered.arn
    }
  }
}

# Counts stored events, and finds those whose notification was lost: alarms.tf has alarms on both.
resource "aws_cloudwatch_event_rule" "undelivered" {
  region              = var.region
  name                = "${var.name}-count-undelivered"
  description         = "Has the shipper count undelivered events"
  schedule_expression = "rate(1 hour)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "undelivered" {
  region = var.region
  rule   = aws_cloudwatch_event_rule.undelivered.name
  arn    = aws_lambda_function.shipper.arn
  input  = jsonencode({ logagg = "replay", dry_run = true })
}

resource "aws_lambda_permission" "undelivered" {
  region        = var.region
  function_name = aws_lambda_function.shipper.function_name
  statement_id  = "count-undelivered"
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.undelivered.arn
}
