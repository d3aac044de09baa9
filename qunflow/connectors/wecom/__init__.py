"""WeCom (企业微信): callback encryption, callback reading and the server API."""
