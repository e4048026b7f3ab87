// Hands out a file that the server made. props.value: {name, data}, data in base64.
watch('value', () => {
  if (!props.value?.data) return;
  const bytes = Uint8Array.from(atob(props.value.data), letter => letter.charCodeAt(0));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes], {type: 'application/octet-stream'}));
  link.download = props.value.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
});
