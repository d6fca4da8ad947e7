account_id     = "111122223333"
region         = "eu-central-1"
archive_bucket = "releases-eu-central-1"
shipper_archive = {
  key    = "logagg/0.1.0/logagg-shipper_0.1.0_arm64.zip"
  sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
}
enforcer_archive = {
  key    = "logagg/0.1.0/logagg-enforcer_0.1.0_arm64.zip"
  sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
}
search_url           = "https://search.example:9200"
search_secret_arn    = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:search-AbCdEf"
bucket               = "logs-archive"
max_changes          = 500
permissions_boundary = "arn:aws:iam::111122223333:policy/boundary"
kms_key_arn          = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
subnet_ids           = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
security_group_ids   = ["sg-0123456789abcdef0"]
alarm_topic_arn      = "arn:aws:sns:eu-central-1:111122223333:operators"
tags                 = { team = "platform" }
