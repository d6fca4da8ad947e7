# What could not be delivered: the shipper parks it, already encoded, and sends it again on a
# schedule. What it could not even park fails the invocation: Lambda tries twice more and then keeps
# the event in a queue, which the shipper reads again too.

resource "aws_s3_bucket" "parked" {
  bucket_prefix = "${var.name}-parked-"
}

resource "aws_s3_bucket_public_access_block" "parked" {
  bucket                  = aws_s3_bucket.parked.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "parked" {
  bucket = aws_s3_bucket.parked.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_policy" "parked" {
  bucket = aws_s3_bucket.parked.id
  policy = data.aws_iam_policy_document.parked.json
}

data "aws_iam_policy_document" "parked" {
  statement {
    sid       = "OnlyEncrypted"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.parked.arn, "${aws_s3_bucket.parked.arn}/*"]

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

resource "aws_lambda_function_event_invoke_config" "shipper" {
  function_name                = aws_lambda_function.shipper.function_name
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }
  }
}

resource "aws_sqs_queue" "failed" {
  name                       = "${var.name}-failed"
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = 6 * local.shipper_timeout
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = 10
  })
}

# What failed again and again, for a person to look at.
resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_lambda_event_source_mapping" "failed" {
  event_source_arn        = aws_sqs_queue.failed.arn
  function_name           = aws_lambda_function.shipper.arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 2
  }
}

resource "aws_cloudwatch_event_rule" "replay" {
  name                = "${var.name}-replay"
  description         = "Has the shipper send again what it parked"
  schedule_expression = "rate(5 minutes)"
}

resource "aws_cloudwatch_event_target" "replay" {
  rule  = aws_cloudwatch_event_rule.replay.name
  arn   = aws_lambda_function.shipper.arn
  input = jsonencode({ logagg = "replay" })
}

resource "aws_lambda_permission" "replay" {
  function_name = aws_lambda_function.shipper.function_name
  statement_id  = "replay"
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.replay.arn
}
