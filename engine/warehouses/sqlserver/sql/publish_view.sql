    {{ put_view }}
