# By the name of its filters, in the provider's region.
terraform import logagg_policy.lambda lambda-to-search

# In another region.
terraform import logagg_policy.lambda lambda-to-search@eu-west-1

# Through the role of its assume_role block.
terraform import logagg_policy.lambda lambda-to-search@eu-west-1@arn:aws:iam::111122223333:role/logs
